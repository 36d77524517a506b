using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The tag by which caches in front of this service know the answers that have a product.</summary>
public static class PurgeTag
{
    /// <summary>product- and the id with its escapes: no space and no comma.</summary>
    public static string Of(ProductId id) => $"product-{id}";
}
