using Microsoft.Extensions.Caching.Distributed;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// The cache as its readers see it: RedisCache with a timeout, and without its writes. Entries are born under a claim
/// only (<see cref="GuardedCache"/>); a plain write would let an old row overtake a newer one.
/// </summary>
internal sealed class ReadOnlyRedisCache(IDistributedCache redis, RedisTimeout timeout) : IDistributedCache
{
    public async Task<byte[]?> GetAsync(string key, CancellationToken token = default)
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

    public byte[]? Get(string key) => GetAsync(key).GetAwaiter().GetResult();

    public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => throw WritesAreGuarded();

    public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default) => throw WritesAreGuarded();

    public void Refresh(string key) => throw WritesAreGuarded();

    public Task RefreshAsync(string key, CancellationToken token = default) => throw WritesAreGuarded();

    public void Remove(string key) => throw WritesAreGuarded();

    public Task RemoveAsync(string key, CancellationToken token = default) => throw WritesAreGuarded();

    private static NotSupportedException WritesAreGuarded() => new("Entries are written by IGuardedCache only.");
}
