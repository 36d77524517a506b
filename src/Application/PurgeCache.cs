using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Drops a product from the cache and from all near caches; the next reader asks for it anew.</summary>
public sealed record PurgeCache(ProductId Id) : IRequest<PurgeCacheResult>;

public enum PurgeCacheResult
{
    Purged,

    /// <summary>The cache does not answer.</summary>
    Unavailable,
}

public sealed class PurgeCacheHandler(IGuardedCache cache, ICacheNotifications notifications) : IRequestHandler<PurgeCache, PurgeCacheResult>
{
    public async Task<PurgeCacheResult> Handle(PurgeCache request, CancellationToken cancellationToken)
    {
        try
        {
            await cache.RemoveAsync([request.Id], cancellationToken);
            await notifications.ChangedAsync([request.Id], cancellationToken);
            return PurgeCacheResult.Purged;
        }
        catch (UnavailableException)
        {
            return PurgeCacheResult.Unavailable;
        }
    }
}
