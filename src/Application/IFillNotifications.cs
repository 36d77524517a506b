using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Tells every API process which products have been filled. At most once: waiting readers also look again by themselves.</summary>
public interface IFillNotifications
{
    /// <summary>Throws <see cref="UnavailableException"/> when the cache does not answer in time.</summary>
    Task FilledAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken);
}
