using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// The backplane: notifies all Api processes of fills and changes, at most once. Waiting readers also look again without a notification,
/// and near caches notice a missing one. Throws <see cref="UnavailableException"/> when the cache does not answer in time or refuses;
/// the message may have been sent.
/// </summary>
public interface ICacheNotifications
{
    /// <summary>Products have been filled. Wakes the readers that wait for them.</summary>
    Task FilledAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken);

    /// <summary>Products have changed, and the cache is up to date already. Voids near copies.</summary>
    /// <param name="changedAt">When the oldest change was made, to measure the delay. Null: it is not known.</param>
    Task ChangedAsync(IReadOnlyCollection<ProductId> ids, DateTimeOffset? changedAt, CancellationToken cancellationToken);
}
