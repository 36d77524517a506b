using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Applies committed changes to the cache: reads the rows of stale entries again, and notifies all near caches of every change.</summary>
/// <param name="OldestAt">When the oldest change was made. Null: it is not known.</param>
public sealed record RefreshCache(IReadOnlyCollection<Change> Changes, DateTimeOffset? OldestAt = null) : IRequest<RefreshCacheResult>;

/// <param name="Products">The number of changed products.</param>
/// <param name="Replaced">Entries that were replaced by the new row.</param>
/// <param name="Removed">Entries that contradicted a change and were removed.</param>
public sealed record RefreshCacheResult(int Products, int Replaced, int Removed);

/// <param name="format">Null: the built-in table.</param>
public sealed class RefreshCacheHandler(IGuardedCache cache, IProductStore store, ICacheNotifications notifications, EntryFormat? format = null)
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
        Dictionary<ProductId, ChangeResult> stale = [];
        for (var i = 0; i < changes.Count; i++)
        {
            if (results[i].Outcome == ChangeOutcome.Stale)
            {
                stale[changes[i].Id] = results[i];
            }
        }

        var replaced = 0;
        var removed = results.Count(result => result.Outcome == ChangeOutcome.Removed);
        if (stale.Count > 0)
        {
            var read = await store.ReadAsync(stale.Keys, cancellationToken);

            var outcomes = await cache.ReplaceStaleAsync([.. stale.Select(entry => RefreshOf(entry.Key, entry.Value, read)).OfType<Refresh>()], cancellationToken);
            replaced = outcomes.Count(outcome => outcome == RefreshOutcome.Replaced);
            removed += outcomes.Count(outcome => outcome == RefreshOutcome.Removed);
            if (read.Unreadable.Count > 0)
            {
                // The old entry must be removed; the next reader gets the reason why the row is unreadable.
                await cache.RemoveAsync([.. read.Unreadable.Keys], cancellationToken);
                removed += read.Unreadable.Count;
            }
        }

        // For every change, whether the cache had an entry or not: a near cache may still have a copy of an entry that the cache lost
        // long ago. After the last refresh: a near cache that reads again must not find the old entry.
        ProductId[] ids = [.. changes.Select(change => change.Id).Distinct()];
        await notifications.ChangedAsync(ids, request.OldestAt, cancellationToken);
        return new RefreshCacheResult(ids.Length, replaced, removed);
    }

    /// <returns>Null: nothing replaces the entry.</returns>
    private Refresh? RefreshOf(ProductId id, ChangeResult stale, StoreRead read)
    {
        if (read.Products.TryGetValue(id, out var product))
        {
            return Refresh.To(product, stale.StaleRank, format, FillCacheHandler.EndOf(stale.At, product.ValidFor));
        }

        // A row that is missing in the built-in table is skipped: its deletion is a change of its own, which has been applied or will be.
        return format is not { IsMapped: true } || read.Unreadable.ContainsKey(id) ? null
            : new Refresh(id, stale.StaleRank, CachedProduct.Absent(DateTimeOffset.UnixEpoch, TimeSpan.Zero, format, read.AbsenceOf(id).Version));
    }
}
