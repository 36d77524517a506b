using Microsoft.Extensions.Caching.Distributed;

namespace ProductCache.Application;

/// <summary>
/// A distributed cache that refuses every write. Entries are written through <see cref="IGuardedCache"/> only: a plain write could
/// overwrite a newer entry with an older row.
/// </summary>
public abstract class ReadOnlyDistributedCache : IDistributedCache
{
    public abstract Task<byte[]?> GetAsync(string key, CancellationToken token = default);

    public byte[]? Get(string key) => GetAsync(key).GetAwaiter().GetResult();

    public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => throw WritesAreGuarded();

    public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default) => throw WritesAreGuarded();

    public void Refresh(string key) => throw WritesAreGuarded();

    public Task RefreshAsync(string key, CancellationToken token = default) => throw WritesAreGuarded();

    public void Remove(string key) => throw WritesAreGuarded();

    public Task RemoveAsync(string key, CancellationToken token = default) => throw WritesAreGuarded();

    private static NotSupportedException WritesAreGuarded() => new("Entries are written through IGuardedCache only.");
}
