using Microsoft.Extensions.Caching.StackExchangeRedis;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport;
using ProductCache.TestSupport.PortSpecifications;
using StackExchange.Redis;
using static ProductCache.TestSupport.TestProducts;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>The contract on a real Redis. Entries are read through RedisCache of Microsoft.Extensions.Caching.</summary>
public abstract partial class RedisGuardedCacheSpecification : GuardedCacheSpecification
{
    internal static readonly RedisTimeout Timeout = new(TimeSpan.FromSeconds(10), TimeProvider.System);

    private ConnectionMultiplexer connection = null!;
    private RedisCache redisCache = null!;
    private GuardedCache cache = null!;

    protected override IGuardedCache Cache => cache;

    /// <summary>For a test that wants to see another test fail.</summary>
    internal RedisScripts Scripts { get; init; } = RedisScripts.Default;

    private IDatabase Database => connection.GetDatabase();

    [OneTimeSetUp]
    public async Task ConnectAsync()
    {
        connection = await ConnectionMultiplexer.ConnectAsync($"{await AddressAsync()},allowAdmin=true");
        redisCache = new RedisCache(new RedisCacheOptions { ConnectionMultiplexerFactory = () => Task.FromResult<IConnectionMultiplexer>(connection) });
        cache = new GuardedCache(connection, Scripts, Timeout);
    }

    [OneTimeTearDown]
    public async Task DisconnectAsync()
    {
        redisCache.Dispose();
        await connection.DisposeAsync();
    }

    [Test]
    public async Task ScriptsThatTheServerForgotAreLoadedAgain()
    {
        var id = NewId();
        await cache.ClaimAsync([id], default);
        foreach (var server in connection.GetServers())
        {
            await server.ScriptFlushAsync();
        }

        Assert.That((await cache.ClaimAsync([id], default))[0], Is.Not.Null);
    }

    protected abstract Task<string> AddressAsync();

    protected override IGuardedCache CacheReading(params byte[] formats) => new GuardedCache(connection, Scripts, Timeout, EntryFormat.OfFormats(formats));

    protected override async Task<ProductId> NewIdBesideAsync(ProductId id)
    {
        var server = await Database.IdentifyEndpointAsync(CacheKeys.Entry(id));
        while (true)
        {
            var other = TestSupport.TestProducts.NewId();
            if (Equals(await Database.IdentifyEndpointAsync(CacheKeys.Entry(other)), server))
            {
                return other;
            }
        }
    }

    protected override Task<byte[]?> ReadAsync(ProductId id) => redisCache.GetAsync(CacheKeys.Entry(id));

    protected override async Task<TimeSpan> EntryTimeLeftAsync(ProductId id) =>
        await Database.KeyTimeToLiveAsync(CacheKeys.Entry(id)) ?? TimeSpan.MaxValue;

    protected override async Task<TimeSpan> LeaseTimeLeftAsync(ProductId id) =>
        await Database.KeyTimeToLiveAsync(CacheKeys.Lease(id)) ?? TimeSpan.MaxValue;

    protected override Task LetLeaseAgeAsync(ProductId id) => Database.KeyExpireAsync(CacheKeys.Lease(id), TimeSpan.FromSeconds(1));

    // A lifetime of nothing ends the key as its expiry would.
    protected override Task ExpireLeaseAsync(ProductId id) => Database.ExecuteAsync("PEXPIRE", (RedisKey)CacheKeys.Lease(id), 0);

    protected override Task LetEntryAgeAsync(ProductId id) => Database.KeyExpireAsync(CacheKeys.Entry(id), TimeSpan.FromMinutes(14));

    protected override Task ExpireEntryAsync(ProductId id) => Database.ExecuteAsync("PEXPIRE", (RedisKey)CacheKeys.Entry(id), 0);

    protected override async Task LoseEverythingAsync()
    {
        foreach (var server in connection.GetServers())
        {
            await server.FlushAllDatabasesAsync();
        }
    }

    protected override async Task FailOverAsync()
    {
        await FailingRedis.BecomeAnotherAsync(Database);
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                await cache.RemoveAsync([NewId()], default);
                return true;
            }
            catch (UnavailableException)
            {
                return false;
            }
        });
    }

    protected override async Task PutEntryAsync(ProductId id, byte[] payload, long rank)
    {
        await Database.HashSetAsync(
            CacheKeys.Entry(id),
            [new("absexp", (DateTimeOffset.UtcNow + Lifetime).UtcTicks), new("sldexp", -1), new("data", payload), new("rank", rank)]);
        await Database.KeyExpireAsync(CacheKeys.Entry(id), Lifetime);
    }

    protected override async Task<(Lease First, Lease Second)> ClaimSentTwiceAsync(ProductId id)
    {
        var first = await SendAsync();
        return (first, await SendAsync());

        async Task<Lease> SendAsync() => new(id, (string)(await Database.ScriptEvaluateAsync(
            Scripts.Claim, [CacheKeys.Entry(id), CacheKeys.Lease(id)], ["the same nonce", 5_000, string.Empty, (byte[])[CachedProduct.Format]]))!);
    }
}
