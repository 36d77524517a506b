using System.Collections.Concurrent;
using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using ProductCache.Api.Http;

namespace ProductCache.Api.OpenApi;

/// <summary>
/// Caches responses that are the same for every client until the process ends: they are generated and compressed once, then sent from
/// memory with an ETag. Routes with parameters are not cached, because clients choose the parameters.
/// </summary>
internal sealed class CachedDocuments : IEndpointFilter
{
    /// <summary>The maximum number of cached documents: one for each route and prefix of a trusted proxy. Further ones are generated for each request.</summary>
    public const int MaxDocuments = 64;

    private const string Gzip = "gzip";
    private const string MaxAge = "public, max-age=300";

    private readonly ConcurrentDictionary<string, Document> documents = new();

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if ((http.GetEndpoint() as RouteEndpoint)?.RoutePattern is not { Parameters.Count: 0, RawText: { } route })
        {
            return await next(context);
        }

        var key = $"{http.Request.PathBase}{route}";
        if (!documents.TryGetValue(key, out var document))
        {
            document = await GenerateAsync(context, next);
            if (document is not null && documents.Count < MaxDocuments)
            {
                document = documents.GetOrAdd(key, document);
            }
        }

        return document is null ? Results.Empty : new Sent(document);
    }

    // Null: the response was not 200 and has been sent already.
    private static async Task<Document?> GenerateAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var (body, method, conditions, codings) = (
            http.Response.Body, http.Request.Method, http.Request.Headers.IfNoneMatch, http.Request.Headers.AcceptEncoding);
        using var bytes = new MemoryStream();
        http.Response.Body = bytes;

        // The complete document is cached, even if the first request is HEAD or conditional, and without a coding: the page's own scripts are
        // stored compressed, and would be sent like that.
        http.Request.Method = HttpMethods.Get;
        http.Request.Headers.Remove(HeaderNames.IfNoneMatch);
        http.Request.Headers.Remove(HeaderNames.AcceptEncoding);
        try
        {
            if (await next(context) is IResult result)
            {
                await result.ExecuteAsync(http);
            }
        }
        finally
        {
            http.Response.Body = body;
            http.Request.Method = method;
            http.Request.Headers.IfNoneMatch = conditions;
            http.Request.Headers.AcceptEncoding = codings;
        }

        var all = bytes.ToArray();
        if (http.Response.Headers.ContentEncoding == Gzip)
        {
            all = Decompress(all);
            http.Response.Headers.Remove(HeaderNames.ContentEncoding);
        }

        if (http.Response.StatusCode == StatusCodes.Status200OK)
        {
            return new Document(http.Response.ContentType, all, Compress(all), $"\"{Convert.ToHexStringLower(SHA256.HashData(all).AsSpan(0, 16))}\"");
        }

        await body.WriteAsync(all, http.RequestAborted);
        return null;
    }

    private static byte[] Compress(byte[] bytes)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Optimal))
        {
            gzip.Write(bytes);
        }

        return compressed.ToArray();
    }

    private static byte[] Decompress(byte[] compressed)
    {
        using var gzip = new GZipStream(new MemoryStream(compressed), CompressionMode.Decompress);
        using var bytes = new MemoryStream();
        gzip.CopyTo(bytes);
        return bytes.ToArray();
    }

    private sealed record Document(string? ContentType, byte[] Bytes, byte[] Compressed, string Tag);

    private sealed class Sent(Document document) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var (request, response) = (httpContext.Request, httpContext.Response);
            response.Headers.Remove(HeaderNames.LastModified);
            response.Headers.ETag = document.Tag;
            response.Headers.CacheControl = MaxAge;
            response.Headers.Vary = StringValues.Concat(response.Headers.Vary, HeaderNames.AcceptEncoding);
            if (EntityTags.Read(request.Headers.IfNoneMatch)?.MatchesWeakly(document.Tag) == true)
            {
                response.StatusCode = StatusCodes.Status304NotModified;
                return;
            }

            var bytes = document.Bytes;
            if (AcceptsGzip(request.Headers.AcceptEncoding))
            {
                bytes = document.Compressed;
                response.Headers.ContentEncoding = Gzip;

                // Both representations are the same document, but their bytes differ: the tag must be weak.
                response.Headers.ETag = $"W/{document.Tag}";
            }

            response.ContentType = document.ContentType;
            response.ContentLength = bytes.Length;
            if (!HttpMethods.IsHead(request.Method))
            {
                await response.Body.WriteAsync(bytes, httpContext.RequestAborted);
            }
        }

        // RFC 9110, 12.5.3. A weight of 0 excludes the coding.
        private static bool AcceptsGzip(StringValues accepted) =>
            HeaderList.Split(accepted).Select(member => member.Split(';', StringSplitOptions.TrimEntries)).Any(parts =>
                parts[0].Equals(Gzip, StringComparison.OrdinalIgnoreCase)
                && parts.Skip(1).All(parameter => parameter.TrimEnd('0', '.') is not "q=" and not "Q="));
    }
}
