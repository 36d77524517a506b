using System.Text.Json;
using System.Text.Json.Serialization;

namespace ProductCache.Contracts;

/// <summary>
/// Asks for a product to be read from PostgreSQL into the cache. Published on <see cref="Topics.ProductRequests"/> with
/// the product id as text for its key. Asking twice is harmless: a product that is cached already is not read again,
/// unless <see cref="Renews"/> names the cached entry.
/// </summary>
public sealed record ProductRequested : IJsonOnDeserialized
{
    private const int RenewsLength = 16;

    private readonly long productId;
    private readonly string? renews;

    /// <summary>The product asked for: 1 to 9,223,372,036,854,775,807. 0: its id is no such number, and <see cref="Key"/> has it.</summary>
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
    /// The cached entry that is to be read again: 16 bytes in Base64 that its fill wrote and no other fill will. While the cache
    /// has this entry, the product is read again although it is cached. Null: the product is read if it is not cached.
    /// </summary>
    /// <exception cref="ArgumentException">The value is not Base64 of 16 bytes; such a record is dead-lettered.</exception>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Renews
    {
        get => renews;
        init
        {
            if (value is not null && !(Convert.TryFromBase64String(value, stackalloc byte[RenewsLength], out var length) && length == RenewsLength))
            {
                throw new ArgumentException("The value is not Base64 of 16 bytes.", nameof(Renews));
            }

            renews = value;
        }
    }

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
