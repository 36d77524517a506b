using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The cache's record of the store that it was filled from.</summary>
/// <param name="HighestVersion">The highest version that was seen; 0: nothing is recorded.</param>
/// <param name="Identity">The identity of the store; null: nothing is recorded.</param>
/// <param name="Comparison">The name of a comparison of entries and rows that has begun and not ended; null: none is due.</param>
public sealed record StoreMarker(long HighestVersion, string? Identity, string? Comparison);

/// <summary>The cache's side of the audit. All calls throw <see cref="UnavailableException"/> when the cache does not answer in time.</summary>
public interface ICacheAudit
{
    Task<StoreMarker> ReadMarkerAsync(CancellationToken cancellationToken);

    /// <summary>Records that entries and rows have to be compared. The record outlives this process.</summary>
    Task RequireComparisonAsync(string name, CancellationToken cancellationToken);

    /// <summary>Raises the highest version, never lowers it, and ends the comparison of this name.</summary>
    Task WriteMarkerAsync(long highestVersion, string identity, string? comparison, CancellationToken cancellationToken);

    /// <summary>Every entry that exists from the beginning to the end of the call, in batches. Other entries may be returned too, and entries may be returned twice.</summary>
    IAsyncEnumerable<IReadOnlyDictionary<ProductId, CachedProduct>> ReadEntriesAsync(CancellationToken cancellationToken);

    /// <summary>The entries of these products as they are now. Those that are not cached are missing in the result.</summary>
    Task<IReadOnlyDictionary<ProductId, CachedProduct>> ReadEntriesAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken);

    /// <summary>
    /// Reserves the sweep over all entries for one process, or extends the reservation. False: another process has it.
    /// </summary>
    /// <param name="owner">The process.</param>
    /// <param name="lifetime">How long the reservation lasts without an extension.</param>
    Task<bool> ReserveSweepAsync(string owner, TimeSpan lifetime, CancellationToken cancellationToken);

    /// <summary>Removes every entry and every lease, and clears all near caches.</summary>
    Task RemoveAllAsync(CancellationToken cancellationToken);
}
