using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Removes a product from the cache, from all near caches and from the shared caches. The next reader requests it again.</summary>
public sealed record PurgeCache(ProductId Id) : IRequest<PurgeCacheResult>;

public enum PurgeCacheResult
{
    Purged,

    /// <summary>The cache is unavailable.</summary>
    Unavailable,

    /// <summary>The cache has removed it, but a shared cache did not acknowledge.</summary>
    NotPurgedInFront,
}

/// <param name="sharedCaches">Null: there are none.</param>
public sealed class PurgeCacheHandler(IGuardedCache cache, ICacheNotifications notifications, ISharedCaches? sharedCaches = null) : IRequestHandler<PurgeCache, PurgeCacheResult>
{
    public async Task<PurgeCacheResult> Handle(PurgeCache request, CancellationToken cancellationToken)
    {
        try
        {
            await cache.RemoveAsync([request.Id], cancellationToken);
            await notifications.ChangedAsync([request.Id], changedAt: null, cancellationToken);
            if (sharedCaches is not null)
            {
                await sharedCaches.PurgeAsync([request.Id], cancellationToken);
            }

            return PurgeCacheResult.Purged;
        }
        catch (UnavailableException unavailable)
        {
            return unavailable.Dependency == Dependency.SharedCache ? PurgeCacheResult.NotPurgedInFront : PurgeCacheResult.Unavailable;
        }
    }
}
