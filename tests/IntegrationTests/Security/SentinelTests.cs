using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using ProductCache.Application;
using ProductCache.IntegrationTests.Redis;
using ProductCache.Standalone;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests.Security;

/// <summary>A primary that Sentinels name, with a login of its own; the Sentinels have none.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class SentinelTests
{
    private const string Service = "products";
    private const string Password = "of-the-primary";

    private readonly string folder = Directory.CreateTempSubdirectory("sentinel-").FullName;
    private readonly int sentinelPort = TestServer.FreePort();
    private PrivateRedis primary = null!;
    private PrivateRedis replica = null!;

    [SetUp]
    public async Task StartAsync()
    {
        primary = await PrivateRedis.StartAsync(TestServer.FreePort());
        replica = await PrivateRedis.StartAsync(TestServer.FreePort(), "--replicaof", $"127.0.0.1 {primary.Port}", "--masterauth", Password);
        foreach (var port in new[] { replica.Port, primary.Port })
        {
            await RedisCliAsync(port, "CONFIG", "SET", "masterauth", Password);
            await RedisCliAsync(port, "CONFIG", "SET", "requirepass", Password);
        }
    }

    [TearDown]
    public async Task StopAsync()
    {
        await replica.DisposeAsync();
        await primary.DisposeAsync();
    }

    [OneTimeTearDown]
    public void DeleteFolder() => Directory.Delete(folder, recursive: true);

    [Test]
    public async Task ThePrimaryIsFoundAlsoAfterAFailoverAndWhereTheSentinelsStartLater()
    {
        await using var services = Services();
        var health = services.GetRequiredService<HealthCheckService>();
        Assert.That((await health.CheckHealthAsync()).Entries["redis"].Description, Is.EqualTo($"Redis at 127.0.0.1:{sentinelPort} cannot be reached (REDIS_HOST)."));

        await using var sentinel = await StartSentinelAsync();
        await BecomesHealthyAsync(health);
        Assert.That(await services.GetRequiredService<IGuardedCache>().TakeLeaseAsync(TestProducts.NewId(), default), Is.Not.Null);

        await Eventually.TrueAsync(async () => (await RedisCliAsync(sentinelPort, "SENTINEL", "FAILOVER", Service)).StartsWith("OK", StringComparison.Ordinal));
        await Eventually.TrueAsync(async () => (await RedisCliAsync(replica.Port, "-a", Password, "ROLE")).StartsWith("master", StringComparison.Ordinal));
        await primary.StopAsync();

        await BecomesHealthyAsync(health);
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                return await services.GetRequiredService<IGuardedCache>().TakeLeaseAsync(TestProducts.NewId(), default) is not null;
            }
            catch (UnavailableException)
            {
                return false;
            }
        });
    }

    private static Task BecomesHealthyAsync(HealthCheckService health)
    {
        string? last = null;
        return Eventually.TrueAsync(
            async () => (last = (await health.CheckHealthAsync()).Entries["redis"].Description) is null, () => $"a primary; it is: {last}");
    }

    private static async Task<string> RedisCliAsync(int port, params string[] command) =>
        (await Command.RunAsync(["redis-cli", "-p", $"{port}", .. command], Eventually.Patience)).Output;

    private async Task<ChildProcess> StartSentinelAsync()
    {
        var file = Path.Combine(folder, $"{Guid.NewGuid():N}.conf");
        await File.WriteAllTextAsync(
            file,
            $"""
            port {sentinelPort}
            bind 127.0.0.1
            dir {folder}
            sentinel monitor {Service} 127.0.0.1 {primary.Port} 1
            sentinel auth-pass {Service} {Password}
            sentinel down-after-milliseconds {Service} 1000

            """);
        var sentinel = ChildProcess.Start(null, ChildProcess.SIGTERM, Eventually.Patience, "redis-server", [file, "--sentinel"]);
        await Eventually.TrueAsync(async () => (await RedisCliAsync(sentinelPort, "SENTINEL", "REPLICAS", Service)).Contains($"{replica.Port}", StringComparison.Ordinal));
        return sentinel;
    }

    private ServiceProvider Services() => RedisServices.OfReaders(TestSettings.Of(
        ("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", $"{sentinelPort}"), ("REDIS_SENTINEL_SERVICE", Service), ("REDIS_PASSWORD", Password)));
}
