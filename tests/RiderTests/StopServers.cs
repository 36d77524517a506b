using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

[SetUpFixture]
public sealed class StopServers
{
    [OneTimeTearDown]
    public Task AfterAllTestsAsync() => SharedServers.StopAsync();
}
