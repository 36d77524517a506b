using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Checks that the store still is what the caches were filled from: its triggers are in force, and its versions have not gone
/// back. Repairs what it can. Every Worker does it every few seconds.
/// </summary>
/// <param name="WithRows">Also look through all rows for those without a version, once at the start of a Worker.</param>
public sealed record AuditStore(bool WithRows) : IRequest<AuditStoreResult>;

/// <param name="Repairs">What was wrong and is repaired, a sentence each.</param>
/// <param name="Compared">Entries that were compared with their rows; 0 where nothing called for it.</param>
/// <param name="Corrected">Entries that differed from their rows and were removed.</param>
public sealed record AuditStoreResult(IReadOnlyList<string> Repairs, int Compared, int Corrected);

public sealed class AuditStoreHandler(
    IStoreAudit store, ICacheAudit audit, IProductStore products, IGuardedCache cache, ICacheNotifications notifications, VersionHighWater seen)
    : IRequestHandler<AuditStore, AuditStoreResult>
{
    /// <summary>
    /// How far beyond the highest known version the sequence is moved. More than can be drawn between two audits: those of the
    /// lost state that were not seen are not drawn again.
    /// </summary>
    public const long Margin = 10_000_000;

    public async Task<AuditStoreResult> Handle(AuditStore request, CancellationToken cancellationToken)
    {
        // The marker is read before the store: versions that others draw and remember meanwhile must not look as if the store had
        // gone back.
        var marker = await audit.ReadMarkerAsync(cancellationToken);
        var highest = Math.Max(marker.HighestVersion, seen.Highest);
        var state = await store.InspectAsync(cancellationToken);
        List<string> repairs = [.. state.Faults];
        var comparison = marker.Comparison;
        if (comparison is null && (state.Faults.Count > 0 || (marker.Identity is not null && marker.Identity != state.Identity)))
        {
            // Before the repair, after which nothing else would show that changes may have been missed.
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
            // In this order: a crash between the two leaves versions that are too low, which the next audit sees. Entries that
            // are filled between the two hold rows of the restored state.
            await audit.RemoveAllAsync(cancellationToken);
            last = await store.MoveVersionsAsync(highest + Margin, cancellationToken);
            repairs.Add(
                $"The database went back to an older state: its last version was {state.LastVersion}, and version {highest} has been seen. All entries were dropped, and versions continue after {last}.");
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
            // Read after the entries: a row that is newer than its entry has a change on its way, and to remove the entry is safe.
            var read = await products.ReadAsync([.. entries.Keys], cancellationToken);
            var different = entries.Where(entry => !IsOf(read, entry.Key, entry.Value)).Select(entry => entry.Key).ToList();
            var withoutVersion = different
                .Where(id => read.Products.TryGetValue(id, out var row) && row.Version.Value == entries[id].Version)
                .ToList();
            if (withoutVersion.Count > 0)
            {
                await store.RedrawAsync(withoutVersion, cancellationToken);
            }

            if (different.Count > 0)
            {
                await cache.RemoveAsync(different, cancellationToken);
                await notifications.ChangedAsync(different, cancellationToken);
            }

            compared += entries.Count;
            corrected += different.Count;
        }

        return (compared, corrected);
    }

    private static bool IsOf(StoreRead read, ProductId id, CachedProduct entry)
    {
        if (!read.Products.TryGetValue(id, out var row))
        {
            return read.Unreadable.ContainsKey(id) ? entry.IsUnreadable : entry.IsAbsent;
        }

        return entry.Version == row.Version.Value
            && entry.Body.Span.SequenceEqual(CachedProduct.Of(row, DateTimeOffset.UnixEpoch, TimeSpan.Zero).Body.Span);
    }
}
