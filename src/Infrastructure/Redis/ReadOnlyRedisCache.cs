using Microsoft.Extensions.Caching.Distributed;
using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>Reads entries with RedisCache, within the timeout of readers. A value that RedisCache cannot read is a miss.</summary>
internal sealed class ReadOnlyRedisCache(IDistributedCache redis, RedisTimeout timeout) : ReadOnlyDistributedCache
{
    public override async Task<byte[]?> GetAsync(string key, CancellationToken token = default)
    {
        try
        {
            return await timeout.WithinAsync(redis.GetAsync(key, token), token);
        }
        catch (Exception exception) when (exception is RedisServerException or InvalidCastException or FormatException or OverflowException
            or ArgumentOutOfRangeException)
        {
            // The key has another type, or a field that RedisCache cannot read: a miss, and the step that follows removes the key.
            return null;
        }
    }
}
