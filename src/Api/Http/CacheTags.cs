using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Http;

/// <summary>
/// The names by which caches in front of the Api purge an answer: <c>products</c>, <c>product-42</c>, and the tags of a mapping. Cache-Tag separates them by
/// commas (Cloudflare, Akamai, Google), Surrogate-Key by spaces (Fastly, Varnish with xkey).
/// </summary>
internal static class CacheTags
{
    public const string CacheTag = "Cache-Tag";

    public const string SurrogateKey = "Surrogate-Key";

    /// <summary>The limit of all tags of an answer, in characters; content delivery networks ignore what is beyond 16 KiB, and servers refuse long headers.</summary>
    public const int MaxLength = 4_096;

    public static IEnumerable<string> Of(ProductId id, CachedProduct entry) => entry.Tags.Prepend(PurgeTag.Of(id)).Prepend(PurgeTag.All);

    /// <returns>False: the tags are too long, and no header was written.</returns>
    public static bool Write(IHeaderDictionary headers, IEnumerable<string> tags)
    {
        var keys = string.Join(' ', tags);
        if (keys.Length > MaxLength)
        {
            return false;
        }

        headers[SurrogateKey] = keys;
        headers[CacheTag] = keys.Replace(' ', ',');
        return true;
    }
}
