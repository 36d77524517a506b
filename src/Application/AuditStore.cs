using MediatR;

namespace ProductCache.Application;

/// <summary>
/// Checks that the caches can still rely on the store: its triggers are enabled, and its versions have not gone back. Repairs what it
/// can. Every Worker runs it every few seconds.
/// </summary>
/// <param name="WithRows">Also scan all rows for missing versions. A Worker does this once, when it starts.</param>
public sealed record AuditStore(bool WithRows) : IRequest<AuditStoreResult>;

/// <param name="Repairs">The faults that were found and repaired, one sentence each.</param>
/// <param name="Compared">Entries that were compared with their rows; 0: no comparison was due.</param>
/// <param name="Corrected">Entries that differed from their rows and were removed.</param>
public sealed record AuditStoreResult(IReadOnlyList<string> Repairs, int Compared, int Corrected);

public sealed class AuditStoreHandler(
    IStoreAudit store, ICacheAudit audit, IProductStore products, IGuardedCache cache, ICacheNotifications notifications, VersionHighWater seen)
    : IRequestHandler<AuditStore, AuditStoreResult>
{
    /// <summary>
    /// How far the sequence is moved beyond the highest known version. It exceeds the number of versions that can be drawn between two
    /// audits, so that unseen versions of the lost state are not drawn again.
    /// </summary>
    public const long Margin = 10_000_000;

    public async Task<AuditStoreResult> Handle(AuditStore request, CancellationToken cancellationToken)
    {
        // The marker is read before the store. In the reverse order, versions that others draw and record meanwhile would look as if
        // the store had gone back.
        var marker = await audit.ReadMarkerAsync(cancellationToken);
        var highest = Math.Max(marker.HighestVersion, seen.Highest);
        var state = await store.InspectAsync(cancellationToken);
        List<string> repairs = [.. state.Faults];
        var comparison = marker.Comparison;
        if (comparison is null && (state.Faults.Count > 0 || (marker.Identity is not null && marker.Identity != state.Identity)))
        {
            // Before the repair: afterwards nothing else would show that changes may have been missed.
            comparison = Guid.NewGuid().ToString("N");
            await audit.RequireComparisonAsync(comparison, cancellationToken);
        }

        if (state.Faults.Count > 0)
        {
            await store.RepairAsync(cancellationToken);
        }

        if ((request.WithRows || state.Faults.Count > 0) && await store.DrawMissingVersionsAsync(cancellationToken) is > 0 and var drawn)
        {
            repairs.Add($"{drawn} products had no version and got one.");
        }

        var last = state.LastVersion;
        var (compared, corrected) = (0, 0);
        if (last < highest)
        {
            // In this order: after a crash between the two steps the versions are still too low, and the next audit sees it. Entries
            // that are filled between the two steps hold rows of the restored state.
            await audit.RemoveAllAsync(cancellationToken);
            last = await store.MoveVersionsAsync(highest + Margin, cancellationToken);
            repairs.Add(
                $"The database went back to an older state: its last version was {state.LastVersion}, but version {highest} has been seen. All entries were removed, and versions continue after {last}.");
        }
        else if (comparison is not null)
        {
            (compared, corrected) = await CompareAsync(cancellationToken);
        }

        await audit.WriteMarkerAsync(Math.Max(last, highest), state.Identity, comparison, cancellationToken);
        return new AuditStoreResult(repairs, compared, corrected);
    }

    private async Task<(int Compared, int Corrected)> CompareAsync(CancellationToken cancellationToken)
    {
        var (compared, corrected) = (0, 0);
        await foreach (var entries in audit.ReadEntriesAsync(cancellationToken))
        {
            // The rows are read after the entries: if a row is newer than its entry, a change is on its way, and removing the entry is safe.
            var read = await products.ReadAsync([.. entries.Keys], cancellationToken);
            var different = entries.Where(entry => !AuditEntriesHandler.IsOf(read, entry.Key, entry.Value)).Select(entry => entry.Key).ToList();
            var withoutVersion = AuditEntriesHandler.OfSameVersion(different, entries, read);
            if (withoutVersion.Count > 0)
            {
                await store.RedrawAsync(withoutVersion, cancellationToken);
            }

            if (different.Count > 0)
            {
                await cache.RemoveAsync(different, cancellationToken);
                await notifications.ChangedAsync(different, changedAt: null, cancellationToken);
            }

            compared += entries.Count;
            corrected += different.Count;
        }

        return (compared, corrected);
    }
}
