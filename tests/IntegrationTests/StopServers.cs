using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests;

[SetUpFixture]
public sealed class StopServers
{
    [OneTimeTearDown]
    public Task AfterAllTestsAsync() => SharedServers.StopAsync();
}
