namespace ProductCache.Domain;

/// <summary>Limits of a product in the built-in table, in characters. Its constraints hold them.</summary>
public static class ProductLimits
{
    public const int MaxNameLength = 200;
    public const int MaxDescriptionLength = 10_000;
}
