using System.Globalization;
using StackExchange.Redis;

namespace ProductCache.Standalone;

/// <summary>A redis-server of our own. It keeps nothing on disk: what comes back after a restart must not be older than PostgreSQL.</summary>
public sealed class PrivateRedis(int port, params string[] options) : IPrivateServer, IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    private ChildProcess? server;

    public int Port => port;

    public int ProcessId => server?.Id ?? throw new InvalidOperationException("Not running.");

    public static async Task<PrivateRedis> StartAsync(int port, params string[] options)
    {
        var redis = new PrivateRedis(port, options);
        try
        {
            await redis.StartAsync();
            return redis;
        }
        catch
        {
            await redis.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the server, empty, again if it was stopped, and returns when it answers.</summary>
    public async Task StartAsync()
    {
        try
        {
            server = ChildProcess.Start(
                null,
                ChildProcess.SIGTERM,
                StopTimeout,
                "redis-server",
                [
                    "--port", port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                    "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru", .. options,
                ]);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new StandaloneException("setsid is not installed: apt-get install util-linux.");
        }

        await Retry.UntilAsync(
            async () =>
            {
                if (server.HasExited)
                {
                    throw new StandaloneException($"redis-server did not start (apt-get install redis-server?):{Environment.NewLine}{server.LastLines}");
                }

                await using var connection = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port},connectTimeout=500,connectRetry=1");
            },
            exception => exception is RedisException,
            StartTimeout,
            "redis-server");
    }

    public Task<int> EndedAsync() => server?.EndedAsync() ?? throw new InvalidOperationException("Not running.");

    public async Task StopAsync()
    {
        if (server is not null)
        {
            await server.DisposeAsync();
            server = null;
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();
}
