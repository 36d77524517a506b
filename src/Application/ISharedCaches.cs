using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// The caches in front of this service that may serve products without asking it: Varnish, content delivery networks, and others behind a
/// webhook. A process without any has no such port.
/// </summary>
public interface ISharedCaches
{
    /// <summary>Removes the answers that have one of the products. Called after the cache is up to date.</summary>
    /// <exception cref="UnavailableException">One of them did not acknowledge it; the others may have.</exception>
    Task PurgeAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken);

    /// <summary>Removes all answers.</summary>
    /// <inheritdoc cref="PurgeAsync"/>
    Task PurgeAllAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Purges changed products soon, without a promise: what does not fit is left out, and failures are not reported. The endpoint of each
    /// shared cache purges the same changes again.
    /// </summary>
    void PurgeSoon(IReadOnlyCollection<Change> changes, DateTimeOffset? changedAt);
}
