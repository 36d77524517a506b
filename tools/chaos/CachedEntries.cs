using System.Runtime.CompilerServices;
using ProductCache.Application;

namespace ProductCache.Chaos;

/// <summary>Reads all entries of Redis.</summary>
internal sealed class CachedEntries(TestBed testBed)
{
    public async IAsyncEnumerable<(long Id, CachedProduct Entry)> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var redis = await testBed.OpenRedisAsync();
        await foreach (var key in redis.GetServers()[0].KeysAsync(pattern: "product:*", pageSize: 1_000).WithCancellation(cancellationToken))
        {
            // Gone meanwhile, or of a format that readers take for a miss: nothing that could be wrong.
            if (CacheKeys.TryReadEntry(key.ToString(), out var id) && CachedProduct.TryRead(await redis.GetDatabase().HashGetAsync(key, "data"), out var entry))
            {
                yield return (testBed.Tables.NumberOf(id.Text), entry);
            }
        }
    }
}
