using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The products of record.</summary>
public interface IProductStore
{
    /// <summary>
    /// Reads the named products in statements that begin after the call, from the primary: one statement, more only where a
    /// row cannot be read. Throws <see cref="UnavailableException"/> when the store does not answer in time.
    /// </summary>
    Task<StoreRead> ReadAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken);
}

/// <summary>What the store has of the named products. An absent product is in neither part.</summary>
/// <param name="Products">The rows that are valid products.</param>
/// <param name="Unreadable">The rows that are there and are no valid products, each with the reason in a sentence.</param>
public sealed record StoreRead(IReadOnlyDictionary<ProductId, Product> Products, IReadOnlyDictionary<ProductId, string> Unreadable)
{
    private static readonly Dictionary<ProductId, string> NoFault = [];

    public StoreRead(IReadOnlyDictionary<ProductId, Product> products)
        : this(products, NoFault)
    {
    }
}

/// <summary>The row of a product cannot be read. Trying again does not help; a change of the row does.</summary>
public sealed class UnreadableProductException(string message) : Exception(message);
