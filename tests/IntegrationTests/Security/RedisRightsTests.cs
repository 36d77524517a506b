using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;
using ProductCache.IntegrationTests.Redis;
using ProductCache.Standalone;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;

namespace ProductCache.IntegrationTests.Security;

/// <summary>The users of deploy/rights/redis-acl.sh can do their job, and nothing else.</summary>
[TestFixture("")]
[TestFixture("shop")]
public sealed class RedisRightsTests(string cacheNamespace)
{
    private const string Api = "product-cache-api";
    private const string Worker = "product-cache-worker";

    // Each command with the users that may run it.
    private static readonly (string Command, string Allowed)[] Matrix =
    [
        ("HMGET {ns}product:{1} data", "aw"),
        ("HGETALL {ns}product-cache:instances", "aw"),
        ("HGETALL other:product-cache:instances", string.Empty),
        ("HSET {ns}product:{1} data x", "aw"),
        ("DEL {ns}product:{1} {ns}lease:{1}", "aw"),
        ("HSET {ns}product-cache:store version 1", "aw"),
        ("PUBLISH {ns}product-cache:notifications x", "aw"),
        ("PUBLISH {ns}product-cache:notifications:ask x", "aw"),
        ("SCAN 0", "w"),
        ("HSET other:product:{1} data x", string.Empty),
        ("DEL other", string.Empty),
        ("PUBLISH other:product-cache:notifications x", string.Empty),
        ("SET {ns}product:{1} x", string.Empty),
        ("KEYS *", string.Empty),
        ("FLUSHALL", string.Empty),
        ("FLUSHDB", string.Empty),
        ("CONFIG GET *", string.Empty),
        ("CONFIG SET maxmemory 0", string.Empty),
        ("ACL LIST", string.Empty),
        ("CLIENT LIST", string.Empty),
        ("SHUTDOWN", string.Empty),
        ("MONITOR", string.Empty),
        ("SCRIPT FLUSH", string.Empty),
        ("REPLICAOF NO ONE", string.Empty),
    ];

    private readonly string prefix = cacheNamespace.Length > 0 ? $"{cacheNamespace}:" : string.Empty;
    private readonly string folder = Directory.CreateTempSubdirectory("redis-rights-").FullName;
    private PrivateRedis server = null!;
    private IConnectionMultiplexer admin = null!;

    private static IEnumerable<TestCaseData> Cells() =>
        from row in Matrix
        from user in new[] { Api, Worker }
        select new TestCaseData(row.Command, user, row.Allowed.Contains(user == Api ? 'a' : 'w', StringComparison.Ordinal)).SetArgDisplayNames(row.Command, user);

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        server = await PrivateRedis.StartAsync(TestServer.FreePort());
        admin = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{server.Port},allowAdmin=true");
        await File.WriteAllTextAsync(PasswordFile(Api), $"{Api}-password\n");
        await File.WriteAllTextAsync(PasswordFile(Worker), $"{Worker}-password\n");
        var (exitCode, output, errors) = await Command.RunAsync(
            [Repository.PathOf("deploy/rights/redis-acl.sh"), PasswordFile(Api), PasswordFile(Worker), cacheNamespace], Eventually.Patience);
        Assert.That(exitCode, Is.Zero, errors);
        foreach (var line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            await admin.GetServers()[0].ExecuteAsync("ACL", ["SETUSER", .. line.Split(' ').Skip(1).Cast<object>()]);
        }
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await admin.DisposeAsync();
        await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [TestCaseSource(nameof(Cells))]
    public async Task EachUserMayWhatTheMatrixSays(string command, string user, bool isAllowed)
    {
        var words = command.Replace("{ns}", prefix, StringComparison.Ordinal).Split(' ');
        await using var connection = await ConnectionMultiplexer.ConnectAsync(
            new ConfigurationOptions { EndPoints = { { "127.0.0.1", server.Port } }, User = user, Password = $"{user}-password", AllowAdmin = true });

        Task<RedisResult> RunAsync() => connection.GetServers()[0].ExecuteAsync(words[0], [.. words.Skip(1).Cast<object>()]);

        if (isAllowed)
        {
            await RunAsync();
        }
        else
        {
            Assert.That(RunAsync, Throws.TypeOf<RedisServerException>().With.Message.StartsWith("NOPERM"));
        }
    }

    [Test]
    public async Task TheApiAndTheWorkerDoTheirJob()
    {
        await using var api = Services(Api, (services, options) => services.AddRedisForReaders(options, new NearCacheOptions(1, TimeSpan.FromHours(1))));
        await using var worker = Services(Worker, (services, options) => services.AddRedisForWorkers(options));
        var (reads, writes) = (api.GetRequiredService<IGuardedCache>(), worker.GetRequiredService<IGuardedCache>());
        var audit = worker.GetRequiredService<ICacheAudit>();
        var id = new ProductId(7);
        var entry = TestProducts.Entry(id, version: 3);

        Assert.That(await reads.TakeLeaseAsync(id, default), Is.Not.Null);
        var claim = (await writes.ClaimAsync([new ClaimRequest(id, [])], default))[0]!.Value;
        Assert.That(await writes.FillAsync([new Fill(claim, entry, TimeSpan.Zero)], default), Is.EqualTo(new[] { FillOutcome.Stored }));
        Assert.That(await api.GetRequiredService<IDistributedCache>().GetAsync(CacheKeys.Entry(id)), Is.EqualTo(entry.Payload));
        await reads.RevalidateAsync(id, null, default);
        await worker.GetRequiredService<ICacheNotifications>().ChangedAsync([id], null, default);
        Assert.That((await writes.InvalidateAsync([TestProducts.Upsert(id, 100)], default))[0].Outcome, Is.EqualTo(ChangeOutcome.Stale));
        await audit.WriteMarkerAsync(1, "identity", null, default);
        await audit.ReadMarkerAsync(default);
        List<ProductId> found = [];
        await foreach (var entries in audit.ReadEntriesAsync(default))
        {
            found.AddRange(entries.Keys);
        }

        await reads.RemoveAsync([id], default);
        await audit.RemoveAllAsync(default);

        Assert.That(found, Does.Contain(id));
        foreach (var services in new[] { api, worker })
        {
            var health = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
            Assert.That(health.Entries["redis"].Description, Is.Null);
        }
    }

    private ServiceProvider Services(string user, Action<IServiceCollection, RedisOptions> add) => RedisServices.Of(
        TestSettings.Of(
            ("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", $"{server.Port}"), ("REDIS_USER", user), ("REDIS_PASSWORD_FILE", PasswordFile(user)), ("CACHE_NAMESPACE", cacheNamespace)),
        add);

    private string PasswordFile(string user) => Path.Combine(folder, user);
}
