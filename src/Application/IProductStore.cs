using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The system of record for products.</summary>
public interface IProductStore
{
    /// <summary>
    /// Reads products from the primary, in a statement that begins after the call. Further statements follow only if a row cannot be
    /// read. Throws <see cref="UnavailableException"/> when the store does not answer in time.
    /// </summary>
    Task<StoreRead> ReadAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken);
}

/// <summary>The result of a read. An absent product is in neither part.</summary>
/// <param name="Products">The rows that are valid products.</param>
/// <param name="Unreadable">The rows that are not valid products, each with the reason in one sentence.</param>
public sealed record StoreRead(IReadOnlyDictionary<ProductId, Product> Products, IReadOnlyDictionary<ProductId, string> Unreadable)
{
    private static readonly Dictionary<ProductId, string> NoFault = [];

    public StoreRead(IReadOnlyDictionary<ProductId, Product> products)
        : this(products, NoFault)
    {
    }
}

/// <summary>The row of a product cannot be read. A retry does not help; a change of the row does.</summary>
public sealed class UnreadableProductException(string message) : Exception(message);
