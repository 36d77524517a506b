using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport;

public static class GuardedCacheExtensions
{
    /// <summary>Claims for requests that renew nothing.</summary>
    public static Task<IReadOnlyList<Lease?>> ClaimAsync(this IGuardedCache cache, IReadOnlyList<ProductId> ids, CancellationToken cancellationToken) =>
        cache.ClaimAsync([.. ids.Select(id => new ClaimRequest(id, []))], cancellationToken);
}
