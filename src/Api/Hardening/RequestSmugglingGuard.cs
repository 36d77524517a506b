using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Net.Http.Headers;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace ProductCache.Api.Hardening;

/// <summary>
/// Refuses requests whose end a proxy before this service could see elsewhere: what one of the two takes for a body is a request
/// to the other, smuggled past the rules of the proxy. Kestrel refuses most of them; this is about what it lets pass.
/// </summary>
internal static class RequestSmugglingGuard
{
    private const string Chunked = "chunked";

    /// <summary>Kestrel moves a Content-Length that comes with a Transfer-Encoding to this name.</summary>
    private const string SetAsideLength = "X-Content-Length";

    // RFC 9110, 5.6.2, and the colon: in HTTP/1.1 a name ends at it, in HTTP/2 the server's own names, like :path, begin with it.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create(":!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private static readonly Encoding ContentLength = new ContentLengthEncoding();

    /// <summary>What is seen in the bytes only, before they are headers.</summary>
    public static void Refuse(KestrelServerOptions kestrel)
    {
        // Else a bare LF ends a line. The switch has no property; the server reads it when it is built.
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", true);
        kestrel.RequestHeaderEncodingSelector = EncodingOf;
    }

    /// <summary>What is seen in the headers.</summary>
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

    // Some proxies do not look for the body of a read (RFC 9110, 9.3.1).
    private static bool IsRead(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);

    // Kestrel asks for every header. What is not a token ("Content-Length\v", say), a proxy may trim until it is one.
    private static Encoding? EncodingOf(string name)
    {
        if (name.AsSpan().ContainsAnyExcept(TokenCharacters))
        {
            throw new BadHttpRequestException("The name of a header is not a token.");
        }

        return name == HeaderNames.ContentLength ? ContentLength : null;
    }

    /// <summary>Kestrel reads +5, and 05, which is octal to some, as 5. Here only the usual form of a length is text at all.</summary>
    private sealed class ContentLengthEncoding : ASCIIEncoding
    {
        private const int MaxDigits = 19;

        public override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars) =>
            bytes.Length > MaxDigits || bytes is [(byte)'0', _, ..] || bytes.ContainsAnyExceptInRange((byte)'0', (byte)'9')
                ? 0
                : base.GetChars(bytes, chars);
    }
}
