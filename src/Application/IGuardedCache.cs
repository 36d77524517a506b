using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The right to ask for a product (a reader's) or to fill it (a Worker's claim), while its token stands in the cache.</summary>
public readonly record struct Lease(ProductId Id, string Token);

/// <summary>A product that is to be claimed.</summary>
/// <param name="Renews">
/// The entries that are to be read again although they are cached. The lease of the reader who asked for it may have ended before a
/// Worker came to the request; without them it would find an entry, and nothing to do, for as long as Workers are late.
/// </param>
public readonly record struct ClaimRequest(ProductId Id, IReadOnlyList<EntryTimes> Renews);

/// <summary>
/// An entry to be stored under a claim, and how long it is kept beyond its own lifetime, to be served while it cannot be
/// renewed.
/// </summary>
public readonly record struct Fill(Lease Claim, CachedProduct Entry, TimeSpan KeptBeyond = default);

/// <summary>A newer row for an entry that a change found stale, and the rank that the entry had then.</summary>
public readonly record struct Refresh(ProductId Id, long StaleRank, Product Row)
{
    /// <summary>The row as an entry, but for its times: those of the entry that it replaces stay.</summary>
    public CachedProduct ToEntry() => CachedProduct.Of(Row, DateTimeOffset.UnixEpoch, TimeSpan.Zero);
}

public enum RefreshOutcome
{
    /// <summary>The entry holds the new row; its lifetime goes on as it was.</summary>
    Replaced,

    /// <summary>The entry was older than the row, but not the one that was found stale: it is gone.</summary>
    Removed,

    /// <summary>There is no entry, a negative one, or one that is as new.</summary>
    Current,
}

/// <summary>A committed change of a product: its new row version, or the version of the row that was deleted.</summary>
public readonly record struct Change(ProductId Id, ProductVersion Version, bool Deleted)
{
    /// <summary>See <see cref="CachedProduct.Rank"/>.</summary>
    public long Rank => (2 * Version.Value) + (Deleted ? 1 : 0);
}

/// <summary>What was there when a renewal was sure to be read after it: an entry, or null.</summary>
/// <param name="History"><see cref="Revalidation.History"/> of the step that made the marker.</param>
public readonly record struct RevalidationMarker(CachedProduct? Entry, string History);

/// <param name="Entry">The entry that is there now, in any case.</param>
/// <param name="Lease">Whoever gets one is the one who publishes.</param>
/// <param name="History">
/// Names the writes that the cache's data is the result of. Another one: a server that had not all of them has taken over, and a marker
/// of before counts as none.
/// </param>
public readonly record struct Revalidation(RevalidationOutcome Outcome, CachedProduct? Entry, Lease? Lease, string History);

public enum RevalidationOutcome
{
    /// <summary>The entry was read from the store after the marker was made.</summary>
    Renewed,

    /// <summary>The store will be read after this: what is there now is the marker.</summary>
    Asked,

    /// <summary>A Worker is at it, and may have read the store before this.</summary>
    Busy,
}

public enum FillOutcome
{
    /// <summary>The entry is in the cache and the lease is gone.</summary>
    Stored,

    /// <summary>The lease is gone or belongs to somebody else: nothing was stored, and nothing is to be done.</summary>
    Refused,

    /// <summary>A change newer than the row passed by since the claim: claim and read again.</summary>
    Outdated,
}

public enum ChangeOutcome
{
    /// <summary>No entry contradicts the change.</summary>
    Current,

    /// <summary>An entry contradicted the change and was removed.</summary>
    Removed,

    /// <summary>An entry is older than the change and waits for a refresh.</summary>
    Stale,
}

/// <summary>What a change found: for <see cref="ChangeOutcome.Stale"/>, the rank of the old entry; else 0.</summary>
public readonly record struct ChangeResult(ChangeOutcome Outcome, long StaleRank);

/// <summary>
/// The only way by which entries are written: the lease is the fence. Every step is atomic per product; a list is one
/// round trip, and its results come in the order of the list.
/// Throws <see cref="UnavailableException"/> when the cache does not answer in time or refuses the step; the step may or may not
/// have happened. Entries and leases that are not as they are written here are removed and count as missing. Another exception is
/// about one product of the list, and the steps of the others have been taken.
/// </summary>
public interface IGuardedCache
{
    /// <summary>
    /// After a miss: creates the product's lease if there is none. Taken: the lease, and its owner is the one who
    /// publishes. Nothing to do: <see langword="null"/>, somebody asked already, or an entry is there by now.
    /// </summary>
    Task<Lease?> TakeLeaseAsync(ProductId id, CancellationToken cancellationToken);

    /// <summary>
    /// While an entry is still there, but close to its end: creates the product's lease if there is none. Taken: the lease,
    /// and its owner publishes. Nothing to do: <see langword="null"/>, somebody asked already, or the entry in the cache is
    /// not (or no longer) the one that was <paramref name="seen"/>.
    /// </summary>
    Task<Lease?> TakeEagerLeaseAsync(ProductId id, CachedProduct seen, CancellationToken cancellationToken);

    /// <summary>
    /// For a reader whom no entry will do that was read before now: creates the product's lease if there is none. The first
    /// outcome that is not <see cref="RevalidationOutcome.Busy"/> makes the marker; with it, the step looks for what came after.
    /// </summary>
    Task<Revalidation> RevalidateAsync(ProductId id, RevalidationMarker? marker, CancellationToken cancellationToken);

    /// <summary>
    /// Before SQL is read. Claimed: a lease with a fresh token, floor 0 and a restarted expiry. Nothing to do:
    /// <see langword="null"/>, an entry is there without a lease, and it is none of those that are to be renewed.
    /// </summary>
    Task<IReadOnlyList<Lease?>> ClaimAsync(IReadOnlyList<ClaimRequest> requests, CancellationToken cancellationToken);

    /// <summary>After SQL was read: stores what was read, if the claim still stands and no newer change passed by.</summary>
    Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken);

    /// <summary>Deletes leases whose tokens still stand; others are left alone.</summary>
    Task ReleaseAsync(IReadOnlyList<Lease> leases, CancellationToken cancellationToken);

    /// <summary>Removes entries and leases, which is always safe: the next reader requests the product, and a fill under a removed lease is refused.</summary>
    Task RemoveAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken);

    /// <summary>
    /// Passes committed changes by the lease (its floor rises to the change's rank) and by the entry. Where the cache refuses
    /// the step but allows a removal, entry and lease are removed.
    /// </summary>
    Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken);

    /// <summary>
    /// After a change found an entry stale and SQL was read: passes the row by the lease (its floor rises) and replaces the
    /// entry if it is still the one found stale. Nothing is ever created. Where the cache refuses the step but allows a removal,
    /// entry and lease are removed.
    /// </summary>
    Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken);
}
