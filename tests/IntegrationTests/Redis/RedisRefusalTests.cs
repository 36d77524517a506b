using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;
using ProductCache.Standalone;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;
using static ProductCache.TestSupport.TestProducts;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>A Redis that answers and refuses: told apart from one that is silent, and never a reason to serve what has changed.</summary>
public sealed class RedisRefusalTests
{
    private static readonly Dictionary<string, (string Reason, string[][] Begin, string[][] End)> States = new()
    {
        ["full memory"] = (
            "Redis refuses writes: its memory is full (OOM)",
            [["CONFIG", "SET", "maxmemory", "1"]],
            [["CONFIG", "SET", "maxmemory", "0"]]),
        ["no permission for scripts"] = (
            "Redis refuses commands: its user lacks a permission (NOPERM)",
            [["ACL", "SETUSER", "default", "-eval", "-evalsha"]],
            [["ACL", "SETUSER", "default", "+eval", "+evalsha"]]),
        ["no permission inside of scripts"] = (
            "Redis refuses commands: its user lacks a permission (NOPERM)",
            [["ACL", "SETUSER", "default", "-hset", "-hincrby"]],
            [["ACL", "SETUSER", "default", "+hset", "+hincrby"]]),
        ["read-only replica"] = (
            "Redis refuses writes: it is a read-only replica (READONLY)",
            [["REPLICAOF", "127.0.0.1", "1"]],
            [["REPLICAOF", "NO", "ONE"]]),
        ["too few replicas"] = (
            "Redis refuses writes: it has too few replicas (NOREPLICAS)",
            [["CONFIG", "SET", "min-replicas-to-write", "1"]],
            [["CONFIG", "SET", "min-replicas-to-write", "0"]]),
    };

    private PrivateRedis server = null!;
    private ConnectionMultiplexer admin = null!;
    private ServiceProvider services = null!;
    private RecordedLog log = null!;

    private IGuardedCache Cache => services.GetRequiredService<IGuardedCache>();

    [OneTimeSetUp]
    public async Task StartServerAsync()
    {
        server = await PrivateRedis.StartAsync(TestServer.FreePort(), "--maxmemory", "0", "--maxmemory-policy", "noeviction");
        admin = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{server.Port},allowAdmin=true");
    }

    [OneTimeTearDown]
    public async Task StopServerAsync()
    {
        await admin.DisposeAsync();
        await server.DisposeAsync();
    }

    [SetUp]
    public void StartProcess()
    {
        log = new RecordedLog(203, 204);
        var collection = new ServiceCollection();
        collection.AddMetrics();
        collection.AddLogging(logging => logging.AddProvider(log));
        collection.AddSingleton(TimeProvider.System);
        collection.AddRedisForReaders(
            RedisOptions.Read(TestSettings.Of(("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", $"{server.Port}"))),
            new NearCacheOptions(0, TimeSpan.FromHours(1)));

        // A loaded machine is not what is tested.
        collection.AddSingleton(_ => new RedisTimeout(
            TimeSpan.FromSeconds(10), TimeProvider.System, services.GetRequiredService<ILogger<RedisTimeout>>()));
        services = collection.BuildServiceProvider();
    }

    [TearDown]
    public async Task StopProcessAsync()
    {
        await services.DisposeAsync();
        log.Dispose();
    }

    [Test]
    public async Task ARefusalHasItsReasonInHealthLogAndExceptionUntilItEnds([ValueSource(nameof(StateNames))] string state)
    {
        var id = NewId();
        var reason = States[state].Reason;
        Assert.That((await HealthAsync()).Status, Is.EqualTo(HealthStatus.Healthy));

        await BeginAsync(state);
        try
        {
            var refusal = Assert.ThrowsAsync<UnavailableException>(() => Cache.ClaimAsync([id], default));
            Assert.ThrowsAsync<UnavailableException>(() => Cache.TakeLeaseAsync(id, default));
            var health = await HealthAsync();

            Assert.That(refusal!.Reason, Is.EqualTo(reason));
            Assert.That(health.Status, Is.EqualTo(HealthStatus.Unhealthy));
            Assert.That(health.Description, Does.Contain(reason));
            Assert.That(log.Lines, Has.Exactly(1).Contains(reason));
        }
        finally
        {
            await EndAsync(state);
        }

        await Eventually.TrueAsync(async () => (await HealthAsync()).Status == HealthStatus.Healthy);
        Assert.That(log.Lines, Has.Exactly(1).EqualTo("Redis accepts writes again"));
        Assert.That(await Cache.TakeLeaseAsync(id, default), Is.Not.Null);
    }

    [Test]
    public async Task WhereARemovalIsAllowedAChangedProductIsNotServedOld(
        [Values("full memory", "no permission for scripts", "no permission inside of scripts")] string state)
    {
        var store = new InMemoryStore();
        var (cached, claimed, current) = (NewId(), NewId(), NewId());
        var heard = await ListenAsync();
        store.Put(cached, "Tea", 1, string.Empty);
        var old = store.Put(claimed, "Tea", 1, string.Empty);
        store.Put(current, "Tea", 1, string.Empty);
        await FillAsync(store, cached, current);
        var claim = (await Cache.ClaimAsync([claimed], default))[0]!.Value;
        Change[] changes = [.. new[] { cached, claimed }.Select(id => Upsert(id, store.Put(id, "Tea", 2, string.Empty).Version))];

        await BeginAsync(state);
        try
        {
            await RefreshAsync(store, [.. changes, Upsert(NewId(), 99)]);
            Assert.That(await ReadAsync(cached), Is.Null);

            // The change has not raised the floor of the claim; without its lease the fill with the old row is refused.
            Assert.That(await admin.GetDatabase().KeyExistsAsync(CacheKeys.Lease(claimed)), Is.False);
        }
        finally
        {
            await EndAsync(state);
        }

        Assert.That(await Cache.FillAsync([new Fill(claim, CachedProduct.Of(old, DateTimeOffset.UtcNow, Lifetime))], default), Is.EqualTo(new[] { FillOutcome.Refused }));
        Assert.That(await ReadAsync(claimed), Is.Null);
        await FillAsync(store, cached, claimed);
        Assert.That(await ReadAsync(cached), Has.Property(nameof(CachedProduct.Version)).EqualTo(changes[0].Version.Value));

        // The news arrived, with an epoch of its own where it could not be counted.
        await Eventually.TrueAsync(() => heard.Any(news => news.Kind == NotificationKind.Changed && news.Ids.Contains(cached)));
    }

    [Test]
    public async Task NewsThatCannotBeCountedHasAnEpochOfItsOwn(
        [Values("full memory", "no permission for scripts", "no permission inside of scripts")] string state)
    {
        var heard = await ListenAsync();
        var notifications = services.GetRequiredService<CacheNotifications>();
        await notifications.ChangedAsync([NewId()], null, default);

        await BeginAsync(state);
        try
        {
            await notifications.ChangedAsync([NewId()], null, default);
            await notifications.ChangedAsync([NewId()], null, default);
        }
        finally
        {
            await EndAsync(state);
        }

        await Eventually.TrueAsync(() => heard.Count == 3);
        Assert.That(heard.Select(news => news.Epoch), Is.Unique);
    }

    [Test]
    public async Task WhereNothingIsAllowedTheChangeWaits([Values("read-only replica", "too few replicas")] string state)
    {
        var store = new InMemoryStore();
        var id = NewId();
        store.Put(id, "Tea", 1, string.Empty);
        await FillAsync(store, id);
        var change = Upsert(id, store.Put(id, "Tea", 2, string.Empty).Version);

        await BeginAsync(state);
        try
        {
            var refusal = Assert.ThrowsAsync<UnavailableException>(() => RefreshAsync(store, change));
            Assert.That(refusal!.Reason, Is.EqualTo(States[state].Reason));
        }
        finally
        {
            await EndAsync(state);
        }

        await Eventually.TrueAsync(async () =>
        {
            try
            {
                await RefreshAsync(store, change);
                return (await ReadAsync(id))?.Version is not 1;
            }
            catch (UnavailableException)
            {
                return false;
            }
        });
    }

    [Test]
    public async Task AReaderIsToldTheReason()
    {
        await BeginAsync("full memory");
        try
        {
            var result = await new GetProductHandler(
                services.GetRequiredService<INearCache>(),
                services.GetRequiredService<IDistributedCache>(),
                new MissCoalescer(services.GetRequiredService<IDistributedCache>(), Cache, null!, TimeProvider.System),
                null!,
                null!,
                TimeProvider.System).Handle(new GetProduct(NewId()), default);

            Assert.That(result, Is.EqualTo(new GetProductResult.Unavailable(Dependency.Cache, States["full memory"].Reason)));
        }
        finally
        {
            await EndAsync("full memory");
        }
    }

    [Test]
    public async Task WithoutThePermissionForInfoARenewalAndTheNewsWorkAndHaveNoHistory()
    {
        var id = NewId();
        var heard = await ListenAsync();
        await ExecuteAsync([["ACL", "SETUSER", "default", "-info"]]);
        try
        {
            Assert.That((await Cache.RevalidateAsync(id, null, default)).History, Is.Empty);
            await FillClaimedAsync(id);
            Assert.That((await Cache.RevalidateAsync(id, new RevalidationMarker(null, string.Empty), default)).Outcome, Is.EqualTo(RevalidationOutcome.Renewed));
            var notifications = services.GetRequiredService<CacheNotifications>();
            await notifications.ChangedAsync([id], null, default);
            await notifications.ChangedAsync([id], null, default);
        }
        finally
        {
            await ExecuteAsync([["ACL", "SETUSER", "default", "+info"]]);
        }

        await Eventually.TrueAsync(() => heard.Count == 2);
        Assert.That(heard.Last(), Has.Property("Epoch").EqualTo(heard.First().Epoch).And.Property("Number").EqualTo(heard.First().Number + 1));

        async Task FillClaimedAsync(ProductId claimed)
        {
            var claim = (await Cache.ClaimAsync([claimed], default))[0]!.Value;
            await Cache.FillAsync([new Fill(claim, Entry(claimed))], default);
        }
    }

    [Test]
    public async Task APasswordThatIsMissingIsTheReason()
    {
        await ExecuteAsync([["CONFIG", "SET", "requirepass", "secret"]]);
        try
        {
            await Eventually.TrueAsync(async () => (await HealthAsync()).Description?.Contains("rejects the login", StringComparison.Ordinal) == true);
            Assert.That((await HealthAsync()).Status, Is.EqualTo(HealthStatus.Unhealthy));
        }
        finally
        {
            await ExecuteAsync([["CONFIG", "SET", "requirepass", string.Empty]]);
        }
    }

    [Test]
    public async Task KeysOfTheHealthCheckMayHaveAnyType()
    {
        await admin.GetDatabase().StringSetAsync("product:{.}", "x");
        await admin.GetDatabase().ListRightPushAsync("lease:{.}", "x");

        Assert.That((await HealthAsync()).Status, Is.EqualTo(HealthStatus.Healthy));
        Assert.That(await admin.GetDatabase().KeyExistsAsync(["product:{.}", "lease:{.}"]), Is.Zero);
    }

    public static IEnumerable<string> StateNames() => States.Keys;

    private Task BeginAsync(string state) => ExecuteAsync(States[state].Begin);

    private Task EndAsync(string state) => ExecuteAsync(States[state].End);

    private async Task ExecuteAsync(string[][] commands)
    {
        foreach (var command in commands)
        {
            await admin.GetDatabase().ExecuteAsync(command[0], [.. command[1..]]);
        }
    }

    private async Task<HealthReportEntry> HealthAsync() =>
        (await services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries["redis"];

    private async Task<CachedProduct?> ReadAsync(ProductId id) =>
        CachedProduct.TryRead(await services.GetRequiredService<IDistributedCache>().GetAsync(CacheKeys.Entry(id)), out var entry) ? entry : null;

    private Task RefreshAsync(InMemoryStore store, params Change[] changes) =>
        new RefreshCacheHandler(Cache, store, services.GetRequiredService<ICacheNotifications>()).Handle(new RefreshCache(changes), default);

    private async Task FillAsync(InMemoryStore store, params ProductId[] ids)
    {
        var rows = (await store.ReadAsync(ids, default)).Products;
        var claims = await Cache.ClaimAsync(ids, default);
        await Cache.FillAsync(
            [.. claims.Select(claim => new Fill(claim!.Value, CachedProduct.Of(rows[claim.Value.Id], DateTimeOffset.UtcNow, Lifetime)))], default);
    }

    private async Task<ConcurrentQueue<CacheNotification>> ListenAsync()
    {
        ConcurrentQueue<CacheNotification> heard = new();
        var queue = await services.GetRequiredService<IConnectionMultiplexer>().GetSubscriber().SubscribeAsync(RedisNames.Default.Channel);
        queue.OnMessage(message =>
        {
            if (CacheNotification.TryParse(message.Message, out var notification))
            {
                heard.Enqueue(notification);
            }
        });
        return heard;
    }
}
