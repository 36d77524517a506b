using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Removes a product from the cache and from all near caches. The next reader requests it again.</summary>
public sealed record PurgeCache(ProductId Id) : IRequest<PurgeCacheResult>;

public enum PurgeCacheResult
{
    Purged,

    /// <summary>The cache is unavailable.</summary>
    Unavailable,
}

public sealed class PurgeCacheHandler(IGuardedCache cache, ICacheNotifications notifications) : IRequestHandler<PurgeCache, PurgeCacheResult>
{
    public async Task<PurgeCacheResult> Handle(PurgeCache request, CancellationToken cancellationToken)
    {
        try
        {
            await cache.RemoveAsync([request.Id], cancellationToken);
            await notifications.ChangedAsync([request.Id], changedAt: null, cancellationToken);
            return PurgeCacheResult.Purged;
        }
        catch (UnavailableException)
        {
            return PurgeCacheResult.Unavailable;
        }
    }
}
