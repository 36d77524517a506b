using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The tags by which caches in front of this service know its answers.</summary>
public static class PurgeTag
{
    /// <summary>Every answer with a product has it.</summary>
    public const string All = "products";

    private const string OfProduct = "product-";

    /// <summary>product- and the id with its escapes: no space and no comma.</summary>
    public static string Of(ProductId id) => $"{OfProduct}{id}";

    /// <summary>Whether it is the tag of one product.</summary>
    public static bool IsOfProduct(string tag) => tag.StartsWith(OfProduct, StringComparison.Ordinal);
}
