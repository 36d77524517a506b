using ProductCache.Standalone;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>A redis-server for the test alone, which can become another one with the same data.</summary>
internal sealed class FailingRedis : IAsyncDisposable
{
    private readonly PrivateRedis server;

    private FailingRedis(PrivateRedis server) => this.server = server;

    public static async Task<FailingRedis> StartAsync() => new(await PrivateRedis.StartAsync(TestServer.FreePort()));

    public Task<ConnectionMultiplexer> ConnectAsync() => ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{server.Port},allowAdmin=true");

    /// <summary>A replica that is promoted has the data of its primary, as far as it got them, and a replication id of its own.</summary>
    public async Task FailOverAsync()
    {
        await using var connection = await ConnectAsync();
        await BecomeAnotherAsync(connection.GetDatabase());
    }

    public static async Task BecomeAnotherAsync(IDatabase database)
    {
        await database.ExecuteAsync("REPLICAOF", "127.0.0.1", "1");
        await database.ExecuteAsync("REPLICAOF", "NO", "ONE");
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();
}
