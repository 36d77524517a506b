using System.Text.Json.Serialization;

namespace ProductCache.Contracts;

/// <summary>
/// A product was changed in PostgreSQL. Published on <see cref="Topics.ProductChanges"/> with the product id
/// as text for its key, once the change was committed: at least once, changes that follow each other closely as one.
/// It says that something changed, not how the product looks now: read the product to know.
/// </summary>
public sealed record ProductChanged
{
    /// <summary>The largest version there is.</summary>
    public const long MaxVersion = (1L << 52) - 1;

    private readonly long productId;
    private readonly long version;

    /// <summary>The product that changed: 1 to 9,223,372,036,854,775,807.</summary>
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

    /// <summary>
    /// 1 to <see cref="MaxVersion"/>. Of an upsert: the version of the new row; of two upserts of one product the larger one
    /// is the newer row. Of a deletion: the version of the row that was deleted, so it comes after the upsert of the same version.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a version; such a record is dead-lettered.</exception>
    public required long Version
    {
        get => version;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, nameof(Version));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaxVersion, nameof(Version));
            version = value;
        }
    }

    /// <summary>What happened. A kind that this version of the contract does not know cannot be read: such a record is dead-lettered.</summary>
    [JsonConverter(typeof(ProductChangeKindConverter))]
    public required ProductChangeKind Kind { get; init; }

    /// <summary>When the transaction that changed the product began, by the clock of PostgreSQL.</summary>
    public required DateTimeOffset ChangedAt { get; init; }
}

/// <summary>What happened to a product. In JSON: <c>"upserted"</c>, <c>"deleted"</c>.</summary>
public enum ProductChangeKind
{
    /// <summary>The product was created or updated.</summary>
    Upserted,

    /// <summary>The product was deleted.</summary>
    Deleted,
}

internal sealed class ProductChangeKindConverter() : JsonStringEnumConverter<ProductChangeKind>(
    System.Text.Json.JsonNamingPolicy.CamelCase, allowIntegerValues: false);
