using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Requests fills from the Workers.</summary>
public interface IFillRequestPublisher
{
    /// <summary>
    /// Returns when the broker has acknowledged the request. Throws <see cref="UnavailableException"/> if it does not do so in time; the
    /// request may still arrive later, which is harmless.
    /// </summary>
    /// <param name="renews">The entry to refill although it is cached. Null: the product is read only if it is not cached.</param>
    Task PublishAsync(ProductId id, EntryTimes? renews, CancellationToken cancellationToken);
}
