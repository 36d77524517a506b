using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Compares cached entries with the rows of the store. A difference may be a change that is on its way: see <see cref="ConfirmDifferences"/>.</summary>
public sealed record CompareEntries(IReadOnlyDictionary<ProductId, CachedProduct> Entries) : IRequest<IReadOnlyDictionary<ProductId, CachedProduct>>;

/// <summary>
/// Looks at entries again that differed some time ago. An entry that is still the same and still differs is wrong: no change will correct it.
/// </summary>
/// <param name="Suspects">The entries as they were.</param>
/// <param name="Repair">Whether they are corrected through the protocol, so that no fill or change at the same time can bring the old entry back.</param>
public sealed record ConfirmDifferences(IReadOnlyDictionary<ProductId, CachedProduct> Suspects, bool Repair) : IRequest<ConfirmDifferencesResult>;

/// <param name="Repaired">Of the differences.</param>
public sealed record ConfirmDifferencesResult(IReadOnlyList<Difference> Differences, int Repaired);

/// <param name="Cached">The version of the entry; 0: it says that the product is absent or unreadable.</param>
/// <param name="Stored">The version of the row. Null: there is no readable row.</param>
/// <param name="Text">What differs, in one sentence.</param>
public sealed record Difference(ProductId Id, long Cached, long? Stored, string Text);

/// <summary>Both steps of the audit of entries.</summary>
public sealed class AuditEntriesHandler(
    ICacheAudit audit, IProductStore products, IStoreAudit store, IGuardedCache cache, ICacheNotifications notifications, EntryFormat? format = null)
    : IRequestHandler<CompareEntries, IReadOnlyDictionary<ProductId, CachedProduct>>, IRequestHandler<ConfirmDifferences, ConfirmDifferencesResult>
{
    /// <summary>The time between the two looks: much longer than a change takes to the cache.</summary>
    public static readonly TimeSpan ConfirmDelay = TimeSpan.FromSeconds(2);

    /// <summary>Entries that are compared by one statement.</summary>
    public const int MaxBatch = 500;

    public async Task<IReadOnlyDictionary<ProductId, CachedProduct>> Handle(CompareEntries request, CancellationToken cancellationToken)
    {
        // The rows are read after the entries: an entry that is replaced meanwhile is another one at the second look.
        Dictionary<ProductId, CachedProduct> suspects = [];
        foreach (var batch in request.Entries.Chunk(MaxBatch))
        {
            var read = await products.ReadAsync([.. batch.Select(entry => entry.Key)], cancellationToken);
            foreach (var (id, entry) in batch.Where(entry => !IsOf(read, entry.Key, entry.Value)))
            {
                suspects[id] = entry;
            }
        }

        return suspects;
    }

    public async Task<ConfirmDifferencesResult> Handle(ConfirmDifferences request, CancellationToken cancellationToken)
    {
        List<Difference> differences = [];
        var repaired = 0;
        foreach (var ids in request.Suspects.Keys.Chunk(MaxBatch))
        {
            var entries = await audit.ReadEntriesAsync(ids, cancellationToken);
            List<ProductId> unchanged = [.. ids.Where(id => entries.TryGetValue(id, out var now) && now.Payload.AsSpan().SequenceEqual(request.Suspects[id].Payload))];
            var read = await products.ReadAsync(unchanged, cancellationToken);
            List<ProductId> wrong = [.. unchanged.Where(id => !IsOf(read, id, entries[id]))];
            differences.AddRange(wrong.Select(id => DifferenceOf(id, entries[id], read)));
            if (request.Repair && wrong.Count > 0)
            {
                await RepairAsync(wrong, entries, read, cancellationToken);
                repaired += wrong.Count;
            }
        }

        return new ConfirmDifferencesResult(differences, repaired);
    }

    /// <summary>Whether the entry says what the row says.</summary>
    internal static bool IsOf(StoreRead read, ProductId id, CachedProduct entry) =>
        read.Products.TryGetValue(id, out var row) ? entry.IsOf(row)
        : read.Unreadable.ContainsKey(id) ? entry.IsUnreadable
        : entry.IsAbsent;

    /// <summary>Those whose row has the version of the entry. If they differ, the content of the row changed without a version.</summary>
    internal static List<ProductId> OfSameVersion(IEnumerable<ProductId> ids, IReadOnlyDictionary<ProductId, CachedProduct> entries, StoreRead read) =>
        [.. ids.Where(id => read.Products.TryGetValue(id, out var row) && row.Version == entries[id].Version)];

    private async Task RepairAsync(
        List<ProductId> wrong, IReadOnlyDictionary<ProductId, CachedProduct> entries, StoreRead read, CancellationToken cancellationToken)
    {
        // A content that changed without a version gets one, since the same version must not have two contents.
        var withoutVersion = OfSameVersion(wrong, entries, read);
        if (withoutVersion.Count > 0)
        {
            await store.RedrawAsync(withoutVersion, cancellationToken);
        }

        // An older entry is replaced in its place, so that its readers never miss. Any other wrong entry is removed, and so is one whose end
        // would have to be counted from a step of the cache.
        var older = wrong.Where(id => read.Products.TryGetValue(id, out var row) && row.Version > entries[id].Version && entries[id].Version > 0 && row.ValidFor is null).ToList();
        var outcomes = await cache.ReplaceStaleAsync([.. older.Select(id => Refresh.To(read.Products[id], entries[id].Rank, format))], cancellationToken);
        var replaced = older.Where((_, i) => outcomes[i] == RefreshOutcome.Replaced).ToHashSet();
        List<ProductId> others = [.. wrong.Where(id => !replaced.Contains(id))];
        if (others.Count > 0)
        {
            await cache.RemoveAsync(others, cancellationToken);
        }

        await notifications.ChangedAsync(wrong, changedAt: null, cancellationToken);
    }

    private static Difference DifferenceOf(ProductId id, CachedProduct entry, StoreRead read)
    {
        if (!read.Products.TryGetValue(id, out var row))
        {
            return new Difference(id, entry.Version, null, read.Unreadable.ContainsKey(id)
                ? "The entry has a product, but the row is not a valid product."
                : "The entry has a product, but there is no row.");
        }

        var text = entry.IsAbsent || entry.IsUnreadable ? "The entry says that there is no product, but there is a row."
            : entry.Version < row.Version ? "The entry has an older version than the row."
            : entry.Version > row.Version ? "The entry has a newer version than the row."
            : "The entry has the version of the row, but another content.";
        return new Difference(id, entry.Version, row.Version, text);
    }
}
