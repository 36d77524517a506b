using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Asks the Workers for a product.</summary>
public interface IProductRequests
{
    /// <summary>
    /// Returns when the broker has acknowledged the request. Throws <see cref="UnavailableException"/> when it has not
    /// in time; the request may still arrive later, which is harmless.
    /// </summary>
    Task PublishAsync(ProductId id, CancellationToken cancellationToken);
}
