using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Net.Http.Headers;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace ProductCache.Api.Hardening;

/// <summary>
/// Rejects requests whose end a proxy in front of this service could interpret differently. Otherwise the proxy may take for a body what this
/// service takes for a request that bypasses the rules of the proxy. Kestrel rejects most of them; this class rejects the rest.
/// </summary>
internal static class RequestSmugglingGuard
{
    private const string Chunked = "chunked";

    /// <summary>Kestrel moves a Content-Length that comes with a Transfer-Encoding to this name.</summary>
    private const string SetAsideLength = "X-Content-Length";

    // RFC 9110, 5.6.2, and the colon: it ends a name in HTTP/1.1, and in HTTP/2 the pseudo-headers, like :path, begin with it.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create(":!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private static readonly Encoding ContentLength = new ContentLengthEncoding();

    /// <summary>Checks that need the bytes, before they are parsed to headers.</summary>
    public static void Refuse(KestrelServerOptions kestrel)
    {
        // Without the switch a bare LF ends a line. There is no property for it; the server reads the switch when it is built.
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", true);
        kestrel.RequestHeaderEncodingSelector = EncodingOf;
    }

    /// <summary>Checks of the parsed headers.</summary>
    public static Task Refuse(HttpContext http, RequestDelegate next)
    {
        if (!IsAmbiguous(http.Request))
        {
            return next(http);
        }

        http.Response.StatusCode = StatusCodes.Status400BadRequest;
        http.Response.Headers.Connection = "close";
        return Task.CompletedTask;
    }

    private static bool IsAmbiguous(HttpRequest request)
    {
        var headers = request.Headers;
        var coding = headers.TransferEncoding;
        if (coding.Count == 0)
        {
            return headers.ContentLength > 0 && IsRead(request.Method);
        }

        return coding.Count > 1
            || !Chunked.Equals(coding[0], StringComparison.OrdinalIgnoreCase)
            || request.Protocol != HttpProtocol.Http11
            || headers.ContainsKey(SetAsideLength)
            || IsRead(request.Method);
    }

    // Some proxies ignore the body of GET and HEAD (RFC 9110, 9.3.1).
    private static bool IsRead(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);

    // Kestrel calls this for every header. A proxy may trim a name that is not a token, for example "Content-Length\v", until it is one.
    private static Encoding? EncodingOf(string name)
    {
        if (name.AsSpan().ContainsAnyExcept(TokenCharacters))
        {
            throw new BadHttpRequestException("The name of a header is not a token.");
        }

        return name == HeaderNames.ContentLength ? ContentLength : null;
    }

    /// <summary>Kestrel reads +5 and 05 as 5, but other parsers may not. This encoding decodes only plain decimal lengths.</summary>
    private sealed class ContentLengthEncoding : ASCIIEncoding
    {
        private const int MaxDigits = 19;

        public override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars) =>
            bytes.Length > MaxDigits || bytes is [(byte)'0', _, ..] || bytes.ContainsAnyExceptInRange((byte)'0', (byte)'9')
                ? 0
                : base.GetChars(bytes, chars);
    }
}
