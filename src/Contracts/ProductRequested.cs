namespace ProductCache.Contracts;

/// <summary>
/// Asks for a product to be read from PostgreSQL into the cache. Published on <see cref="Topics.ProductRequests"/> with
/// the product id as text for its key. Asking twice is harmless: a product that is cached already is not read again.
/// </summary>
public sealed record ProductRequested
{
    private readonly long productId;

    /// <summary>The product asked for: 1 to 9,223,372,036,854,775,807.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive; such a record is dead-lettered.</exception>
    public required long ProductId
    {
        get => productId;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, nameof(ProductId));
            productId = value;
        }
    }
}
