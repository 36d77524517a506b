using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport.Model;

/// <summary>What the model does wrong on purpose, to see that it is found; nothing, as a rule.</summary>
internal sealed record PlantedBug(string Name)
{
    public static readonly PlantedBug None = new("none");

    public static readonly PlantedBug ChangedIsPublishedForEntriesOnly = new(nameof(ChangedIsPublishedForEntriesOnly));

    public static readonly PlantedBug ChangedIsPublishedBeforeTheRefresh = new(nameof(ChangedIsPublishedBeforeTheRefresh));

    public static readonly PlantedBug NearCacheIgnoresPendingReads = new(nameof(NearCacheIgnoresPendingReads));

    public static readonly PlantedBug NearCacheIgnoresGaps = new(nameof(NearCacheIgnoresGaps));

    public static IEnumerable<PlantedBug> All =>
        [ChangedIsPublishedForEntriesOnly, ChangedIsPublishedBeforeTheRefresh, NearCacheIgnoresPendingReads, NearCacheIgnoresGaps];

    public override string ToString() => Name;

    public Task RefreshAsync(IGuardedCache cache, IProductStore store, ICacheNotifications notifications, RefreshCache request, EntryFormat? format = null)
    {
        var forEntriesOnly = this == ChangedIsPublishedForEntriesOnly;
        return forEntriesOnly || this == ChangedIsPublishedBeforeTheRefresh
            ? RefreshWronglyAsync(cache, store, notifications, request.Changes, forEntriesOnly)
            : new RefreshCacheHandler(cache, store, notifications, format).Handle(request, default);
    }

    private static async Task RefreshWronglyAsync(
        IGuardedCache cache, IProductStore store, ICacheNotifications notifications, IReadOnlyCollection<Change> requested, bool forEntriesOnly)
    {
        List<Change> changes = [.. requested.Distinct()];
        var results = await cache.InvalidateAsync(changes, default);
        var found = changes.Zip(results).ToList();
        var stale = found.Where(one => one.Second.Outcome == ChangeOutcome.Stale).DistinctBy(one => one.First.Id)
            .ToDictionary(one => one.First.Id, one => one.Second.StaleRank);
        if (!forEntriesOnly)
        {
            await notifications.ChangedAsync([.. changes.Select(change => change.Id).Distinct()], null, default);
        }

        if (stale.Count > 0)
        {
            var rows = (await store.ReadAsync(stale.Keys, default)).Products;
            await cache.ReplaceStaleAsync([.. rows.Values.Select(row => Refresh.To(row, stale[row.Id]))], default);
        }

        ProductId[] had = [.. found.Where(one => one.Second.Outcome != ChangeOutcome.Current).Select(one => one.First.Id).Distinct()];
        if (forEntriesOnly && had.Length > 0)
        {
            await notifications.ChangedAsync(had, null, default);
        }
    }
}
