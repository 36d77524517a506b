using ProductCache.Api.Http;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <summary>A cached product: 200, 304 or 412. The body is the cached bytes; they are neither parsed nor serialized.</summary>
internal sealed class CachedProductResult(ProductId id, CachedProduct entry, EntrySource source, Forward forward, DateTimeOffset now, CacheHeaders cacheHeaders) : ICountedResult
{
    public static string OutcomeOf(EntrySource source) => source switch
    {
        EntrySource.NearCache => "near_hit",
        EntrySource.Cache => "hit",
        _ => "filled",
    };

    public void Count(OutcomeCounter counter) => counter.Count(OutcomeOf(source));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        var tag = cacheHeaders.Write(response.Headers, id, entry, source, forward, now);
        response.Headers.ETag = tag;

        // RFC 9110, 13.2.2. An invalid member of If-None-Match is ignored; the others still apply.
        if (EntityTags.Read(httpContext.Request.Headers.IfMatch)?.MatchesStrongly(tag) == false)
        {
            await IfMatchHeader.Failed(httpContext, $"The cached product has version {entry.Version}, which does not match If-Match.").ExecuteAsync(httpContext);
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
