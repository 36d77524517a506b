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

/// <summary>The result of a read. An absent product is in neither of the first two parts.</summary>
/// <param name="Products">The products that can be served.</param>
/// <param name="Unreadable">The products that cannot, each with the reason in one sentence.</param>
/// <param name="Absences">With a mapping, what is known of the others: absent and unreadable ones.</param>
public sealed record StoreRead(
    IReadOnlyDictionary<ProductId, Product> Products,
    IReadOnlyDictionary<ProductId, string> Unreadable,
    IReadOnlyDictionary<ProductId, Absence> Absences)
{
    private static readonly Dictionary<ProductId, string> NoFault = [];
    private static readonly Dictionary<ProductId, Absence> NoAbsence = [];

    public StoreRead(IReadOnlyDictionary<ProductId, Product> products)
        : this(products, NoFault)
    {
    }

    public StoreRead(IReadOnlyDictionary<ProductId, Product> products, IReadOnlyDictionary<ProductId, string> unreadable)
        : this(products, unreadable, NoAbsence)
    {
    }

    /// <summary>What is known of a product that cannot be served.</summary>
    public Absence AbsenceOf(ProductId id) => Absences.GetValueOrDefault(id);
}

/// <summary>A product that cannot be served, as the store has it.</summary>
/// <param name="Version">As in <see cref="Product.Version"/>.</param>
/// <param name="ValidFor">As in <see cref="Product.ValidFor"/>.</param>
public readonly record struct Absence(long Version, TimeSpan? ValidFor = null);

/// <summary>The row of a product cannot be read. A retry does not help; a change of the row does.</summary>
public sealed class UnreadableProductException(string message) : Exception(message);
