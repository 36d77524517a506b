using ProductCache.Standalone;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>The same on a Redis Cluster of three: both keys of a product are in one slot.</summary>
public sealed class RedisClusterGuardedCacheTests : RedisGuardedCacheSpecification
{
    private static readonly TimeSpan CommandTimeout = TimeSpan.FromSeconds(30);

    private readonly string folder = Directory.CreateTempSubdirectory("product-cache-redis-cluster-").FullName;
    private readonly List<PrivateRedis> nodes = [];

    [OneTimeTearDown]
    public async Task StopClusterAsync()
    {
        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }

        Directory.Delete(folder, recursive: true);
    }

    protected override Task FailOverAsync()
    {
        Assert.Ignore("The nodes of the cluster have no replicas that could take over.");
        return Task.CompletedTask;
    }

    protected override async Task<string> AddressAsync()
    {
        while (nodes.Count < 3)
        {
            // Nodes talk to each other on a port ten thousand further on.
            var port = TestServer.FreePort();
            nodes.Add(await PrivateRedis.StartAsync(
                port, "--cluster-enabled", "yes", "--dir", folder, "--cluster-config-file", $"nodes-{port}.conf"));
        }

        var addresses = nodes.Select(node => $"127.0.0.1:{node.Port}").ToList();
        await ChildProcess.RunAsync(null, "redis-cli", ["--cluster", "create", .. addresses, "--cluster-yes"], CommandTimeout);
        foreach (var address in addresses)
        {
            await using var node = await ConnectionMultiplexer.ConnectAsync($"{address},allowAdmin=true");
            await Eventually.TrueAsync(async () =>
                ((string)(await node.GetServer(address).ExecuteAsync("CLUSTER", "INFO"))!).Contains("cluster_state:ok", StringComparison.Ordinal));
        }

        return string.Join(',', addresses);
    }
}
