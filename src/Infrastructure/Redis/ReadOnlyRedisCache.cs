using Microsoft.Extensions.Caching.Distributed;
using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>Reads entries with RedisCache, within the timeout of readers. A value that RedisCache or this process cannot read is a miss.</summary>
/// <param name="format">Null: the built-in table.</param>
internal sealed class ReadOnlyRedisCache(IDistributedCache redis, RedisTimeout timeout, EntryFormat? format = null) : ReadOnlyDistributedCache
{
    private readonly EntryFormat format = format ?? EntryFormat.BuiltIn;

    public override async Task<byte[]?> GetAsync(string key, CancellationToken token = default)
    {
        try
        {
            return await timeout.WithinAsync(redis.GetAsync(key, token), token) is { } payload && format.Reads(payload) ? payload : null;
        }
        catch (Exception exception) when (exception is RedisServerException or InvalidCastException or FormatException or OverflowException
            or ArgumentOutOfRangeException)
        {
            // The key has another type, or a field that RedisCache cannot read: a miss, and the step that follows removes the key.
            return null;
        }
    }
}
