using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using ProductCache.Application;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;
using static ProductCache.TestSupport.TestProducts;

namespace ProductCache.IntegrationTests.Redis;

public sealed class ReadOnlyRedisCacheTests
{
    private RedisServer server = null!;
    private ConnectionMultiplexer connection = null!;
    private RedisCache redisCache = null!;
    private ReadOnlyRedisCache cache = null!;

    [OneTimeSetUp]
    public async Task ConnectAsync()
    {
        server = await SharedServers.Redis;
        var options = RedisOptions.Read(TestSettings.Of(("REDIS_HOST", server.Host), ("REDIS_PORT", $"{server.Port}")));
        connection = await ConnectionMultiplexer.ConnectAsync(options.Connection);
        redisCache = new RedisCache(new RedisCacheOptions { ConnectionMultiplexerFactory = () => Task.FromResult<IConnectionMultiplexer>(connection) });
        cache = new ReadOnlyRedisCache(redisCache, new RedisTimeout(RedisOptions.ReadTimeout, TimeProvider.System));
    }

    [OneTimeTearDown]
    public async Task DisconnectAsync()
    {
        redisCache.Dispose();
        await connection.DisposeAsync();
    }

    [Test]
    public async Task AFilledEntryIsReadAsItIs()
    {
        var id = NewId();
        var entry = Entry(id);
        var guarded = new GuardedCache(connection, RedisScripts.Default, RedisGuardedCacheSpecification.Timeout);
        await guarded.FillAsync([new Fill((await guarded.ClaimAsync([id], default))[0]!.Value, entry)], default);

        Assert.That(await cache.GetAsync(CacheKeys.Entry(id)), Is.EqualTo(entry.Payload));
    }

    [Test]
    public async Task AMissIsNull() => Assert.That(await cache.GetAsync(CacheKeys.Entry(NewId())), Is.Null);

    [Test]
    public void PlainWritesAreRefused()
    {
        Assert.ThrowsAsync<NotSupportedException>(() => cache.SetAsync("key", [1], new DistributedCacheEntryOptions()));
        Assert.ThrowsAsync<NotSupportedException>(() => cache.RemoveAsync("key"));
    }

    [Test]
    public async Task ARedisThatIsAwayIsUnavailableAndComesBackByItself()
    {
        server.RequireStoppable();
        await server.StopAsync();
        try
        {
            Assert.ThrowsAsync<UnavailableException>(() => cache.GetAsync("key"));
        }
        finally
        {
            await server.StartAsync();
        }

        await Eventually.TrueAsync(async () =>
        {
            try
            {
                return await cache.GetAsync("key") is null;
            }
            catch (UnavailableException)
            {
                return false;
            }
        });
    }

    [Test]
    public void ACommandWithoutAnswerEndsAtItsTimeout() =>
        Assert.ThrowsAsync<UnavailableException>(() =>
            new RedisTimeout(TimeSpan.FromMilliseconds(1), TimeProvider.System).WithinAsync(new TaskCompletionSource<int>().Task, default));
}
