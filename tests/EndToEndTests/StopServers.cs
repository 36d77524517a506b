using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

[SetUpFixture]
public sealed class StopServers
{
    [OneTimeTearDown]
    public Task AfterAllTestsAsync() => SharedServers.StopAsync();
}
