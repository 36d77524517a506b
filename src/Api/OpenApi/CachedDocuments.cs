using System.Collections.Concurrent;
using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using ProductCache.Api.Http;

namespace ProductCache.Api.OpenApi;

/// <summary>
/// Answers that are the same for every client until the process ends: generated and compressed once, then sent from memory, with an ETag.
/// Of a route that has parameters nothing is kept, since clients choose those.
/// </summary>
internal sealed class CachedDocuments : IEndpointFilter
{
    /// <summary>Documents that are kept: each route once for each prefix of a trusted proxy. Others are generated for each request.</summary>
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

    // Null: what came is no document, and has been sent.
    private static async Task<Document?> GenerateAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var (body, method, conditions) = (http.Response.Body, http.Request.Method, http.Request.Headers.IfNoneMatch);
        using var bytes = new MemoryStream();
        http.Response.Body = bytes;

        // Whatever the first request asks for, all of the document is kept.
        http.Request.Method = HttpMethods.Get;
        http.Request.Headers.Remove(HeaderNames.IfNoneMatch);
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
        }

        var all = bytes.ToArray();
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

                // The bytes differ, so a strong tag would be wrong; both forms are the same document.
                response.Headers.ETag = $"W/{document.Tag}";
            }

            response.ContentType = document.ContentType;
            response.ContentLength = bytes.Length;
            if (!HttpMethods.IsHead(request.Method))
            {
                await response.Body.WriteAsync(bytes, httpContext.RequestAborted);
            }
        }

        // RFC 9110, 12.5.3. A weight of 0 refuses it.
        private static bool AcceptsGzip(StringValues accepted) =>
            HeaderList.Split(accepted).Select(member => member.Split(';', StringSplitOptions.TrimEntries)).Any(parts =>
                parts[0].Equals(Gzip, StringComparison.OrdinalIgnoreCase)
                && parts.Skip(1).All(parameter => parameter.TrimEnd('0', '.') is not "q=" and not "Q="));
    }
}
