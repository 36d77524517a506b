using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Http;

/// <summary>What all routes that read have in common.</summary>
internal static class FreshnessHeaders
{
    /// <summary>The version that an answer must at least have: what the ETag of a write said, without its quotes.</summary>
    public const string VersionAtLeast = "Product-Version-At-Least";

    /// <summary>The directives of Cache-Control (<see cref="CacheDirectives"/>) and Product-Version-At-Least.</summary>
    /// <param name="freshness">Null: the request demands nothing.</param>
    /// <returns>Whether Product-Version-At-Least, if it is there, is a version.</returns>
    public static bool TryReadFreshness(IHeaderDictionary headers, out Freshness? freshness)
    {
        freshness = headers.CacheControl is { Count: > 0 } lines ? CacheDirectives.Read(lines) : null;
        if (!headers.TryGetValue(VersionAtLeast, out var texts))
        {
            return true;
        }

        if (!ProductVersion.TryParse(texts.ToString(), out var version))
        {
            return false;
        }

        freshness = (freshness ?? Freshness.None) with { AtLeast = version };
        return true;
    }
}
