using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport.Model;
using StackExchange.Redis;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>The scripts on a real Redis. Products are drawn anew for every run, so nothing but their keys is touched.</summary>
internal sealed class ModelledRedis(IConnectionMultiplexer redis, RedisScripts scripts) : IModelledCache
{
    public IGuardedCache Guarded { get; } = new GuardedCache(redis, scripts, RedisGuardedCacheSpecification.Timeout);

    private IDatabase Database => redis.GetDatabase();

    public async Task<byte[]?> ReadAsync(ProductId id) => await Database.HashGetAsync(CacheKeys.Entry(id), "data");

    public Task ExpireEntryAsync(ProductId id) => Database.KeyDeleteAsync(CacheKeys.Entry(id));

    public Task ExpireLeaseAsync(ProductId id) => Database.KeyDeleteAsync(CacheKeys.Lease(id));

    public Task LoseAsync(IReadOnlyList<ProductId> ids) =>
        Database.KeyDeleteAsync([.. ids.SelectMany(id => new RedisKey[] { CacheKeys.Entry(id), CacheKeys.Lease(id) })]);

    // A token begins with the nonce that the command carried.
    public Task ClaimAgainAsync(ClaimRequest request, Lease claim) => Database.ScriptEvaluateAsync(
        scripts.Claim,
        [CacheKeys.Entry(claim.Id), CacheKeys.Lease(claim.Id)],
        [
            claim.Token.Split('-')[0], (long)RedisOptions.LeaseLifetime.TotalMilliseconds, GuardedCache.BytesOf(request.Renews),
            EntryFormat.BuiltIn.Readable,
        ]);
}
