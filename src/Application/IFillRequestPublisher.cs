using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Asks the Workers for a product.</summary>
public interface IFillRequestPublisher
{
    /// <summary>
    /// Returns when the broker has acknowledged the request. Throws <see cref="UnavailableException"/> when it has not
    /// in time; the request may still arrive later, which is harmless.
    /// </summary>
    /// <param name="renews">The entry that is to be read again although it is cached. Null: the product is read if it is not cached.</param>
    Task PublishAsync(ProductId id, EntryTimes? renews, CancellationToken cancellationToken);
}
