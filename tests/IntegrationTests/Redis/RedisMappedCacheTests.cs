using Microsoft.Extensions.Caching.StackExchangeRedis;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport.PortSpecifications;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;
using static ProductCache.TestSupport.TestProducts;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>The contract on a real Redis.</summary>
public sealed class RedisMappedCacheTests : MappedCacheSpecification
{
    private ConnectionMultiplexer connection = null!;
    private RedisCache redisCache = null!;

    /// <summary>For a test that wants to see another test fail.</summary>
    internal RedisScripts Scripts { get; init; } = RedisScripts.Default;

    private IDatabase Database => connection.GetDatabase();

    [OneTimeSetUp]
    public async Task ConnectAsync()
    {
        var redis = await SharedServers.Redis;
        connection = await ConnectionMultiplexer.ConnectAsync($"{redis.Host}:{redis.Port}");
        redisCache = new RedisCache(new RedisCacheOptions { ConnectionMultiplexerFactory = () => Task.FromResult<IConnectionMultiplexer>(connection) });
    }

    [OneTimeTearDown]
    public async Task DisconnectAsync()
    {
        redisCache.Dispose();
        await connection.DisposeAsync();
    }

    protected override IGuardedCache CacheOf(EntryFormat format) => new GuardedCache(connection, Scripts, RedisGuardedCacheSpecification.Timeout, format);

    protected override Task<byte[]?> ReadAsync(ProductId id) => redisCache.GetAsync(CacheKeys.Entry(id));

    protected override async Task PutEntryAsync(ProductId id, byte[] payload, long rank)
    {
        await Database.HashSetAsync(
            CacheKeys.Entry(id),
            [new("absexp", (DateTimeOffset.UtcNow + Lifetime).UtcTicks), new("sldexp", -1), new("data", payload), new("rank", rank)]);
        await Database.KeyExpireAsync(CacheKeys.Entry(id), Lifetime);
    }

    protected override async Task<TimeSpan> EntryTimeLeftAsync(ProductId id) => await Database.KeyTimeToLiveAsync(CacheKeys.Entry(id)) ?? TimeSpan.MaxValue;
}
