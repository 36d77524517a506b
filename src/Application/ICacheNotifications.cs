using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Tells every API process what has happened to products. At most once: waiting readers also look again by themselves,
/// and near caches notice that a message is missing. Throws <see cref="UnavailableException"/> when the cache does not
/// answer in time or refuses; the message may have been sent.
/// </summary>
public interface ICacheNotifications
{
    /// <summary>These products have been filled: wakes the readers that wait for them.</summary>
    Task FilledAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken);

    /// <summary>These products have changed, and the cache has been brought up to date before this: near copies are void.</summary>
    Task ChangedAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken);
}
