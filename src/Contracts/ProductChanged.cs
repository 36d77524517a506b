using System.Text.Json;
using System.Text.Json.Serialization;

namespace ProductCache.Contracts;

/// <summary>
/// A product was changed in PostgreSQL. Published on <see cref="Topics.ProductChanges"/> with the product id
/// as text for its key, once the change was committed: at least once, changes that follow each other closely as one.
/// It says that something changed, not how the product looks now: read the product to know.
/// </summary>
public sealed record ProductChanged : IJsonOnDeserialized
{
    /// <summary>The largest version there is.</summary>
    public const long MaxVersion = (1L << 52) - 1;

    private readonly long productId;
    private readonly long version;

    /// <summary>The product that changed: 1 to 9,223,372,036,854,775,807. 0: its id is no such number, and <see cref="Key"/> has it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, or 0 without a key; such a record is dead-lettered.</exception>
    public required long ProductId
    {
        get => productId;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(ProductId));
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

    /// <summary>The id of the product if it is a text or a UUID: 1 to 200 characters. Null: <see cref="ProductId"/> has the id.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Key { get; init; }

    void IJsonOnDeserialized.OnDeserialized()
    {
        if (Key is null && ProductId == 0)
        {
            throw new JsonException("The record names no product.");
        }
    }
}

/// <summary>What happened to a product. In JSON: <c>"upserted"</c>, <c>"deleted"</c>.</summary>
public enum ProductChangeKind
{
    /// <summary>The product was created or updated. Of tables of another owner: it may have been deleted too.</summary>
    Upserted,

    /// <summary>The product was deleted.</summary>
    Deleted,
}

internal sealed class ProductChangeKindConverter() : JsonStringEnumConverter<ProductChangeKind>(
    System.Text.Json.JsonNamingPolicy.CamelCase, allowIntegerValues: false);
