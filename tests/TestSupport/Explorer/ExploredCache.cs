using ProductCache.Application;
using ProductCache.Domain;
using CacheState = ProductCache.TestSupport.InMemoryCache.CacheState;

namespace ProductCache.TestSupport.Explorer;

/// <summary>The fake as the explorer uses it: it can go back to a state. A mutant overrides a step.</summary>
internal class ExploredCache(InMemoryCache cache) : IGuardedCache
{
    public CacheState State
    {
        get => cache.StateOf(Programs.Id);
        set => cache.Restore(Programs.Id, value);
    }

    public virtual Task<Lease?> TakeLeaseAsync(ProductId id, CancellationToken cancellationToken) => cache.TakeLeaseAsync(id, cancellationToken);

    public virtual Task<Lease?> TakeEagerLeaseAsync(ProductId id, CachedProduct seen, CancellationToken cancellationToken) =>
        cache.TakeEagerLeaseAsync(id, seen, cancellationToken);

    public virtual Task<Revalidation> RevalidateAsync(ProductId id, RevalidationMarker? marker, CancellationToken cancellationToken) => cache.RevalidateAsync(id, marker, cancellationToken);

    public virtual Task<IReadOnlyList<Lease?>> ClaimAsync(IReadOnlyList<ClaimRequest> requests, CancellationToken cancellationToken) =>
        cache.ClaimAsync(requests, cancellationToken);

    /// <summary>The command that returned this claim is executed a second time.</summary>
    public virtual void ClaimAgain(ClaimRequest request, Lease claim) => cache.ClaimAgain(request, claim);

    public virtual Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken) =>
        cache.FillAsync(fills, cancellationToken);

    public virtual Task ReleaseAsync(IReadOnlyList<Lease> leases, CancellationToken cancellationToken) => cache.ReleaseAsync(leases, cancellationToken);

    public virtual Task RemoveAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken) => cache.RemoveAsync(ids, cancellationToken);

    public virtual Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken) =>
        cache.InvalidateAsync(changes, cancellationToken);

    public virtual Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken) =>
        cache.ReplaceStaleAsync(refreshes, cancellationToken);
}
