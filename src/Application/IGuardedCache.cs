using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The right to request a product (a reader's lease) or to fill it (a Worker's claim), while the cache holds its token.</summary>
/// <param name="At">When the cache created it, in milliseconds since 1970 by its own clock.</param>
public readonly record struct Lease(ProductId Id, string Token, long At = 0);

/// <summary>A product to claim.</summary>
/// <param name="Renews">
/// The entries to refill although they are cached. The lease of the reader that requested the refill may have expired before a Worker
/// handles the request. Without them, a late Worker would find an entry and do nothing.
/// </param>
public readonly record struct ClaimRequest(ProductId Id, IReadOnlyList<EntryTimes> Renews);

/// <summary>
/// An entry to store under a claim, and how long it is kept beyond its lifetime (stale-if-error), though never beyond its end.
/// </summary>
public readonly record struct Fill(Lease Claim, CachedProduct Entry, TimeSpan KeptBeyond = default);

/// <summary>The new state of the product for an entry that a change found stale, and the rank of the stale entry.</summary>
/// <param name="Entry">Without times: those of the replaced entry are kept.</param>
public readonly record struct Refresh(ProductId Id, long StaleRank, CachedProduct Entry)
{
    /// <param name="format">Null: the built-in table.</param>
    /// <param name="end">See <see cref="CachedProduct.End"/>.</param>
    public static Refresh To(Product row, long staleRank, EntryFormat? format = null, long end = 0) =>
        new(row.Id, staleRank, CachedProduct.Of(row, DateTimeOffset.UnixEpoch, TimeSpan.Zero, format, end));
}

public enum RefreshOutcome
{
    /// <summary>The entry holds the new state; its lifetime is unchanged.</summary>
    Replaced,

    /// <summary>The entry was older, but was not the stale one, or a product has become absent or present: it was removed.</summary>
    Removed,

    /// <summary>There is no entry, a negative one of the built-in table, or one that is at least as new.</summary>
    Current,
}

/// <summary>A committed change of a product: its new version, or the version of the row that was deleted. With a mapping a deletion is a new version too.</summary>
public readonly record struct Change(ProductId Id, ProductVersion Version, bool Deleted)
{
    /// <summary>See <see cref="CachedProduct.Rank"/>.</summary>
    public long Rank => (2 * Version.Value) + (Deleted ? 1 : 0);
}

/// <summary>The cached entry, or null, at a time after which the store is certain to be read again.</summary>
/// <param name="History">The <see cref="Revalidation.History"/> of the step that made the marker.</param>
public readonly record struct RevalidationMarker(CachedProduct? Entry, string History);

/// <param name="Entry">The cached entry, whatever the outcome.</param>
/// <param name="Lease">Not null: the caller owns the lease and publishes the request.</param>
/// <param name="History">
/// Identifies the history of writes of the server. If it differs, a server that may lack writes has taken over, and an earlier marker is
/// invalid.
/// </param>
public readonly record struct Revalidation(RevalidationOutcome Outcome, CachedProduct? Entry, Lease? Lease, string History);

public enum RevalidationOutcome
{
    /// <summary>The entry was read from the store after the marker was made.</summary>
    Renewed,

    /// <summary>The store will be read after this step: the cached entry becomes the marker.</summary>
    Asked,

    /// <summary>A Worker holds a claim and may have read the store before this step.</summary>
    Busy,
}

public enum FillOutcome
{
    /// <summary>The entry is in the cache and the lease is gone.</summary>
    Stored,

    /// <summary>The lease is gone or has another owner. Nothing was stored, and nothing has to be done.</summary>
    Refused,

    /// <summary>A change newer than the row arrived since the claim: claim and read again.</summary>
    Outdated,
}

public enum ChangeOutcome
{
    /// <summary>No entry contradicts the change.</summary>
    Current,

    /// <summary>An entry contradicted the change and was removed.</summary>
    Removed,

    /// <summary>An entry is older than the change and has to be replaced.</summary>
    Stale,
}

/// <param name="StaleRank">The rank of the stale entry for <see cref="ChangeOutcome.Stale"/>, else 0.</param>
/// <param name="At">With a mapping, when the cache applied the change, in milliseconds since 1970 by its own clock.</param>
public readonly record struct ChangeResult(ChangeOutcome Outcome, long StaleRank, long At = 0);

/// <summary>
/// The only port that writes entries: the lease is the fence. Every step is atomic per product. A list takes one round trip, and its
/// results are in the order of the list.
/// Throws <see cref="UnavailableException"/> when the cache does not answer in time or refuses the step; the step may or may not have
/// taken effect. Damaged entries and leases are removed and count as missing. Any other exception concerns one product of the list, and
/// the steps of the others have been taken.
/// </summary>
public interface IGuardedCache
{
    /// <summary>
    /// After a miss: creates the lease of the product if there is none. Returns the lease, whose owner publishes the request, or
    /// <see langword="null"/> if the product is requested or cached already.
    /// </summary>
    Task<Lease?> TakeLeaseAsync(ProductId id, CancellationToken cancellationToken);

    /// <summary>
    /// For an eager refresh of a cached entry: creates the lease of the product if there is none. Returns the lease, whose owner
    /// publishes the request, or <see langword="null"/> if the product is requested already or <paramref name="seen"/> is no longer the
    /// cached entry.
    /// </summary>
    Task<Lease?> TakeEagerLeaseAsync(ProductId id, CachedProduct seen, CancellationToken cancellationToken);

    /// <summary>
    /// For a reader that requires an entry read from the store after now: creates the lease of the product if there is none. The first
    /// outcome other than <see cref="RevalidationOutcome.Busy"/> makes the marker. With the marker, the step looks for a later fill.
    /// </summary>
    Task<Revalidation> RevalidateAsync(ProductId id, RevalidationMarker? marker, CancellationToken cancellationToken);

    /// <summary>
    /// Before the SQL read. Returns a claim, a lease with a fresh token, floor 0 and a restarted expiry, or <see langword="null"/> if the
    /// product is cached without a lease and the request does not renew that entry.
    /// </summary>
    Task<IReadOnlyList<Lease?>> ClaimAsync(IReadOnlyList<ClaimRequest> requests, CancellationToken cancellationToken);

    /// <summary>After the SQL read: stores the entries whose claim is still valid and for which no newer change has arrived.</summary>
    Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken);

    /// <summary>Deletes the leases that still have these tokens. Others are kept.</summary>
    Task ReleaseAsync(IReadOnlyList<Lease> leases, CancellationToken cancellationToken);

    /// <summary>Removes entries and leases. This is always safe: the next reader requests the product, and a fill under a removed lease is refused.</summary>
    Task RemoveAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken);

    /// <summary>
    /// Applies committed changes: raises the floor of the lease to the rank of the change, and removes or reports an entry that
    /// contradicts it. If the cache refuses the step but permits a removal, entry and lease are removed.
    /// </summary>
    Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken);

    /// <summary>
    /// After a change found entries stale and SQL was read: raises the floor of the lease, and replaces the entry if it is still the
    /// stale one. Nothing is created. If the cache refuses the step but permits a removal, entry and lease are removed.
    /// </summary>
    Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken);
}
