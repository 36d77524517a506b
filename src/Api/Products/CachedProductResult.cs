using ProductCache.Api.Http;
using ProductCache.Application;

namespace ProductCache.Api.Products;

/// <summary>A product as it stands in the cache: its bytes are the body, nothing is parsed or written anew. 200, 304 or 412.</summary>
internal sealed class CachedProductResult(CachedProduct entry, EntrySource source, Forward forward, DateTimeOffset now) : ICountedResult
{
    public static string OutcomeOf(EntrySource source) => source == EntrySource.Fill ? "filled" : "hit";

    public void Count(OutcomeCounter counter) => counter.Count(OutcomeOf(source));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        var tag = CacheHeaders.Write(response.Headers, entry, source, forward, now);
        response.Headers.ETag = tag;

        // RFC 9110, 13.2.2. A member of If-None-Match that cannot be read is ignored alone: the others save the reader a body.
        if (EntityTags.Read(httpContext.Request.Headers.IfMatch)?.MatchesStrongly(tag) == false)
        {
            await IfMatchHeader.Failed(httpContext, $"The cached product has version {entry.Version}, which If-Match does not name.").ExecuteAsync(httpContext);
            return;
        }

        if (EntityTags.Read(httpContext.Request.Headers.IfNoneMatch)?.MatchesWeakly(tag) == true)
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = entry.Body.Length;
        await response.BodyWriter.WriteAsync(entry.Body, httpContext.RequestAborted);
    }
}
