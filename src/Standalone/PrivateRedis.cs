using System.Globalization;
using StackExchange.Redis;

namespace ProductCache.Standalone;

/// <summary>A private redis-server. It stores nothing on disk: after a restart its data must not be older than that of PostgreSQL.</summary>
public sealed class PrivateRedis : IPrivateServer, IAsyncDisposable
{
    /// <summary>The user that the package of Debian creates.</summary>
    private const string UserForRoot = "redis";

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    private readonly int port;
    private readonly string? folder;
    private readonly string[] options;
    private ChildProcess? server;

    private PrivateRedis(int port, string? folder, string? password, string[] options)
    {
        this.port = port;
        this.folder = folder;
        this.options = options;
        Password = password;
    }

    public int Port => port;

    /// <summary>Null: every user of this machine may connect.</summary>
    public string? Password { get; }

    public int ProcessId => server?.Id ?? throw new InvalidOperationException("Not running.");

    private static string? RunAs => Environment.UserName == "root" ? UserForRoot : null;

    /// <summary>Starts without a password, for tests.</summary>
    public static Task<PrivateRedis> StartAsync(int port, params string[] options) => StartAsync(new PrivateRedis(port, null, null, options));

    /// <summary>Starts with a new password. The password is in a file of the folder: other users could read the arguments of the process.</summary>
    public static async Task<PrivateRedis> StartWithPasswordAsync(string folder, int port)
    {
        var password = DataFolder.NewPassword();
        Directory.CreateDirectory(folder, DataFolder.OwnerOnly);
        DataFolder.WriteForOwner(Path.Combine(folder, "redis.conf"), $"requirepass {password}\ndir {folder}\n");
        if (RunAs is { } user)
        {
            await ChildProcess.RunAsync(null, "chown", ["-R", $"{user}:{user}", folder], StartTimeout);
        }

        return await StartAsync(new PrivateRedis(port, folder, password, []));
    }

    private static async Task<PrivateRedis> StartAsync(PrivateRedis redis)
    {
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

    /// <summary>Starts or restarts the server, empty, and returns when it answers.</summary>
    public async Task StartAsync()
    {
        try
        {
            server = ChildProcess.Start(
                folder is null ? null : RunAs,
                ChildProcess.SIGTERM,
                StopTimeout,
                "redis-server",
                [
                    .. folder is null ? (IEnumerable<string>)[] : [Path.Combine(folder, "redis.conf")],
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

                await using var connection = await ConnectionMultiplexer.ConnectAsync(
                    $"127.0.0.1:{port},connectTimeout=500,connectRetry=1{(Password is null ? string.Empty : $",password={Password}")}");
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
