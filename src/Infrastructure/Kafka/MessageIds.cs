using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>The two members of a message that name a product: productId for bigint, key for the other types.</summary>
internal static class MessageIds
{
    public static long NumberOf(ProductId id, ProductIdType type) => type == ProductIdType.Bigint ? id.Value : 0;

    public static string? KeyOf(ProductId id, ProductIdType type) => type == ProductIdType.Bigint ? null : id.Text;

    /// <exception cref="ArgumentException">The message names no product of this type; it is dead-lettered.</exception>
    public static ProductId Read(long number, string? key, ProductIdType type) =>
        key is null && type == ProductIdType.Bigint ? new ProductId(number)
        : type.TryParse(key ?? number.ToString(System.Globalization.CultureInfo.InvariantCulture), out var id) ? id
        : throw new ArgumentException($"The id of the product is not {type.Rule}.");

    /// <inheritdoc cref="Read"/>
    public static Change ChangeOf(ProductChanged message, ProductIdType type) =>
        new(Read(message.ProductId, message.Key, type), new ProductVersion(message.Version), message.Kind == ProductChangeKind.Deleted);
}
