using ProductCache.Api.Http;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <summary>
/// A cached product: 200, 304 or 412. The body is the cached bytes; they are neither parsed nor serialized. A compressed body is inflated only
/// for a reader that does not accept it. Both representations have an entity tag of their own.
/// </summary>
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
        response.Headers.Append("Vary", "Accept-Encoding");
        var sendsCompressed = entry.IsCompressed && AcceptEncoding.AcceptsGzip(httpContext.Request.Headers.AcceptEncoding);
        response.Headers.ETag = sendsCompressed ? EntityTags.OfCompressed(tag) : tag;

        // RFC 9110, 13.2.2. An invalid member of If-None-Match is ignored; the others still apply. The tag of either representation is that of this
        // version, and a 304 names the one that the reader has.
        if (EntityTags.Read(httpContext.Request.Headers.IfMatch) is { } ifMatch && !ifMatch.MatchesStrongly(tag) && !ifMatch.MatchesStrongly(EntityTags.OfCompressed(tag)))
        {
            await IfMatchHeader.Failed(httpContext, $"The cached product has version {entry.Version}, which does not match If-Match.").ExecuteAsync(httpContext);
            return;
        }

        if (EntityTags.Read(httpContext.Request.Headers.IfNoneMatch) is { } ifNoneMatch)
        {
            var compressedTag = EntityTags.OfCompressed(tag);
            var (hasPlain, hasCompressed) = (ifNoneMatch.MatchesWeakly(tag), ifNoneMatch.MatchesWeakly(compressedTag));
            if (hasPlain || hasCompressed)
            {
                response.Headers.ETag = hasPlain && !(hasCompressed && sendsCompressed) ? tag : compressedTag;
                response.StatusCode = StatusCodes.Status304NotModified;
                return;
            }
        }

        ReadOnlyMemory<byte> body = entry.StoredBody;
        if (!sendsCompressed && !entry.TryGetBody(out body))
        {
            response.Headers.ETag = default;
            await Problems.RetryLater(httpContext, Problems.CacheUnavailable, "The cached product is damaged. It is replaced within a minute.").ExecuteAsync(httpContext);
            return;
        }

        if (sendsCompressed)
        {
            response.Headers.ContentEncoding = BodyCompression.Encoding;
        }

        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = body.Length;
        await response.BodyWriter.WriteAsync(body, httpContext.RequestAborted);
    }
}
