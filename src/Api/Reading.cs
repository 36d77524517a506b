using Microsoft.Net.Http.Headers;

namespace ProductCache.Api;

/// <summary>What all routes that read have in common.</summary>
internal static class Reading
{
    /// <summary>HEAD wherever GET is: the same answer, of which the server sends no body.</summary>
    public static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Cache-Control: only-if-cached (RFC 9111, 5.2.1.7). A header that cannot be read is ignored.</summary>
    public static bool IsOnlyIfCached(IHeaderDictionary headers) =>
        headers.CacheControl.Count > 0 && CacheControlHeaderValue.TryParse(headers.CacheControl.ToString(), out var control) && control.OnlyIfCached;
}
