using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The products of record.</summary>
public interface IProductStore
{
    /// <summary>
    /// Reads the named products in one statement that begins after the call, from the primary. Absent products are
    /// not in the result. Throws <see cref="UnavailableException"/> when the store does not answer in time.
    /// </summary>
    Task<IReadOnlyDictionary<ProductId, Product>> ReadAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken);
}
