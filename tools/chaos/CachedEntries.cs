using System.Runtime.CompilerServices;
using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Chaos;

/// <summary>Reads all entries of Redis.</summary>
internal sealed class CachedEntries(TestBed testBed)
{
    public async IAsyncEnumerable<(long Id, CachedProduct Entry)> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var redis = await testBed.OpenRedisAsync();
        var database = redis.GetDatabase();
        await foreach (var key in redis.GetServers()[0].KeysAsync(pattern: "product:*", pageSize: 1_000).WithCancellation(cancellationToken))
        {
            // Gone meanwhile, damaged, or of a format that readers take for a miss: nothing that could be wrong.
            if (CacheKeys.TryReadEntry(key.ToString(), out var id)
                && await database.KeyTypeAsync(key) == RedisType.Hash
                && CachedProduct.TryRead(await database.HashGetAsync(key, "data"), out var entry))
            {
                yield return (testBed.Tables.NumberOf(id.Text), entry);
            }
        }
    }
}
