using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Chaos;

/// <summary>
/// Evicts entries from Redis continuously, like a Redis that is short of memory. By the protocol this is always safe; near caches keep
/// their copies.
/// </summary>
internal sealed class Evictions(TestBed testBed, Catalogue catalogue, int seed)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>The number of entries that were evicted.</summary>
    public int Count { get; private set; }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var random = new Random(HashCode.Combine(seed, nameof(Evictions).Length));
        await using var redis = await testBed.OpenRedisAsync();
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                var key = CacheKeys.Entry(testBed.Tables.IdOf(catalogue.IdToRead(random)));
                Count += await redis.GetDatabase().KeyDeleteAsync(key) ? 1 : 0;
                await Task.Delay(Interval, cancellationToken);
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException or OperationCanceledException)
            {
                // Redis has its own troubles at the moment, or the run is over.
            }
        }
    }
}
