using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// The two keys of a product. The braces put both into one slot of a Redis Cluster, so that one script may touch both.
/// <code>
/// product:{1}   the entry: the hash that RedisCache reads (absexp, sldexp, data), plus rank
/// lease:{1}     the lease: a hash of token and floor
/// </code>
/// </summary>
public static class CacheKeys
{
    private const string EntryStart = "product:{";

    public static string Entry(ProductId id) => $"product:{{{id}}}";

    /// <summary>Reads the product id from the key of an entry.</summary>
    public static bool TryReadEntry(string key, out ProductId id)
    {
        id = default;
        return key.StartsWith(EntryStart, StringComparison.Ordinal) && key.EndsWith('}')
            && ProductId.TryReadEscaped(key[EntryStart.Length..^1], out id);
    }

    public static string Lease(ProductId id) => $"lease:{{{id}}}";
}
