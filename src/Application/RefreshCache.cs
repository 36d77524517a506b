using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Brings committed changes to the cache: what is cached and older is read anew, and every near cache hears of all.</summary>
public sealed record RefreshCache(IReadOnlyCollection<Change> Changes) : IRequest<RefreshCacheResult>;

/// <param name="Products">Products that the changes are about.</param>
/// <param name="Replaced">Entries that hold the new row now.</param>
/// <param name="Removed">Entries that contradicted a change and are gone.</param>
public sealed record RefreshCacheResult(int Products, int Replaced, int Removed);

public sealed class RefreshCacheHandler(IGuardedCache cache, IProductStore store, ICacheNotifications notifications)
    : IRequestHandler<RefreshCache, RefreshCacheResult>
{
    public async Task<RefreshCacheResult> Handle(RefreshCache request, CancellationToken cancellationToken)
    {
        if (request.Changes.Count == 0)
        {
            return new RefreshCacheResult(0, 0, 0);
        }

        List<Change> changes = [.. request.Changes.Distinct()];
        var results = await cache.InvalidateAsync(changes, cancellationToken);
        Dictionary<ProductId, long> stale = [];
        for (var i = 0; i < changes.Count; i++)
        {
            if (results[i].Outcome == ChangeOutcome.Stale)
            {
                stale[changes[i].Id] = results[i].StaleRank;
            }
        }

        var replaced = 0;
        var removed = results.Count(result => result.Outcome == ChangeOutcome.Removed);
        if (stale.Count > 0)
        {
            var read = await store.ReadAsync(stale.Keys, cancellationToken);

            // A product without a row is left: the change that deleted it is on its way, or was here.
            var outcomes = await cache.ReplaceStaleAsync(
                [.. read.Products.Values.Select(product => new Refresh(product.Id, stale[product.Id], product))], cancellationToken);
            replaced = outcomes.Count(outcome => outcome == RefreshOutcome.Replaced);
            removed += outcomes.Count(outcome => outcome == RefreshOutcome.Removed);
            if (read.Unreadable.Count > 0)
            {
                // The old entry must go; the next reader is told what is wrong with the row.
                await cache.RemoveAsync([.. read.Unreadable.Keys], cancellationToken);
                removed += read.Unreadable.Count;
            }
        }

        // After the last refresh, and of every change, whether the cache had an entry or not: a near cache may still have
        // what has left the cache long ago, and one that reads again because of this must not find what was there before.
        ProductId[] ids = [.. changes.Select(change => change.Id).Distinct()];
        await notifications.ChangedAsync(ids, cancellationToken);
        return new RefreshCacheResult(ids.Length, replaced, removed);
    }
}
