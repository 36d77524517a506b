using Microsoft.Net.Http.Headers;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api;

/// <summary>What all routes that read have in common.</summary>
internal static class Reading
{
    /// <summary>The version that an answer must at least have: what the ETag of a write said, without its quotes.</summary>
    public const string VersionAtLeast = "Product-Version-At-Least";

    /// <summary>HEAD wherever GET is: the same answer, of which the server sends no body.</summary>
    public static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>
    /// The directives of Cache-Control (RFC 9111, 5.2.1; what cannot be read is ignored, as caches do) and Product-Version-At-Least.
    /// </summary>
    /// <param name="freshness">None: the request demands nothing.</param>
    /// <returns>Whether Product-Version-At-Least, if it is there, is a version.</returns>
    public static bool TryReadFreshness(IHeaderDictionary headers, out Freshness? freshness)
    {
        freshness = null;
        if (headers.CacheControl is { Count: > 0 } directives && CacheControlHeaderValue.TryParse(directives.ToString(), out var control))
        {
            var demanded = new Freshness
            {
                OnlyIfCached = control.OnlyIfCached,
                NoCache = control.NoCache,
                MaxAge = control.MaxAge,
                MinFresh = control.MinFresh,
                MaxStale = control.MaxStale ? control.MaxStaleLimit ?? TimeSpan.MaxValue : null,
            };
            freshness = demanded == Freshness.None ? null : demanded;
        }

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
