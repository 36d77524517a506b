using System.Text.Json;
using System.Text.Json.Serialization;

namespace ProductCache.Client;

/// <summary>A product of the built-in table. Products of a mapping are read as a type of yours.</summary>
/// <param name="Description">Empty: it has none.</param>
/// <param name="Attributes">A JSON object. Null: it has none.</param>
public sealed record Product(
    long Id,
    string Name,
    decimal Price,
    string Description = "",
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] JsonElement? Attributes = null);

/// <summary>A product to create, or to put in place of another.</summary>
/// <inheritdoc cref="Product"/>
public sealed record ProductDraft(
    string Name,
    decimal Price,
    string Description = "",
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] JsonElement? Attributes = null);

/// <summary>A product as the service had it.</summary>
/// <typeparam name="T">The type of the body: <see cref="Product"/>, or your own.</typeparam>
/// <param name="Version">Of two states of one product, the newer one has the larger version.</param>
/// <param name="ETag">For If-Match. Null: the product was read together with others.</param>
public sealed record ProductEntry<T>(T Product, long Version, string? ETag = null);

/// <summary>What a single read requires. A read with requirements is a request of its own.</summary>
public sealed record ReadOptions
{
    /// <summary>How long a product that is not cached is waited for, 0 to 10 s. Null: as the service is configured (1 s).</summary>
    public TimeSpan? Wait { get; init; }

    /// <summary>Never an older version. The client adds the versions of its own writes by itself.</summary>
    public long? AtLeastVersion { get; init; }

    /// <summary>The product is read from the database.</summary>
    public bool FromDatabase { get; init; }
}

/// <summary>A write that was committed.</summary>
public sealed record WrittenProduct<T>(string Id, T? Product, long Version);
