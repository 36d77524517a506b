using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Http;

/// <summary>The request headers that require fresh products: Cache-Control and Product-Version-At-Least.</summary>
internal static class FreshnessHeaders
{
    /// <summary>The lowest acceptable version: the value of the ETag of a write, without its quotes.</summary>
    public const string VersionAtLeast = "Product-Version-At-Least";

    /// <summary>The directives of Cache-Control (<see cref="CacheDirectives"/>) and Product-Version-At-Least.</summary>
    /// <param name="freshness">Null if the request requires nothing.</param>
    /// <returns>False if Product-Version-At-Least is not a version.</returns>
    public static bool TryReadFreshness(IHeaderDictionary headers, out Freshness? freshness)
    {
        freshness = headers.CacheControl is { Count: > 0 } lines ? CacheDirectives.Read(lines) : null;
        if (!headers.TryGetValue(VersionAtLeast, out var texts))
        {
            return true;
        }

        // Of a mapping, the tag of an entity has a digest after the version.
        if (!ProductVersion.TryParse(texts.ToString().Split('-')[0], out var version))
        {
            return false;
        }

        freshness = (freshness ?? Freshness.None) with { AtLeast = version };
        return true;
    }
}
