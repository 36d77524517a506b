using System.Text.Unicode;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using ProductCache.Domain;

namespace ProductCache.Api.Http;

/// <summary>Reads the bytes of a request body: valid UTF-8 of an allowed length, or a problem.</summary>
internal static class RequestBody
{
    /// <summary>In bytes. Every valid product fits, even with all characters escaped.</summary>
    public const int MaxLength =
        (LongestCharacter * (ProductLimits.MaxNameLength + ProductLimits.MaxDescriptionLength)) + (LongestByte * ProductAttributes.MaxLength) + RoomForTheRest;

    /// <summary>In bytes: an escaped surrogate pair (\uD83D\uDE00), the longest encoding of a character.</summary>
    private const int LongestCharacter = 12;

    /// <summary>In bytes: an escaped character of one byte (\u0041).</summary>
    private const int LongestByte = 6;

    /// <summary>In bytes: member names (which may be escaped too), id, price, white space, chunk framing.</summary>
    private const int RoomForTheRest = 8 * 1024;

    public const string Json = "application/json";

    public const string MergePatch = "application/merge-patch+json";

    /// <summary>From the first to the last byte.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    public static async Task<(ReadOnlyMemory<byte> Bytes, ProblemHttpResult? Fault)> ReadAsync(
        HttpContext http, string mediaType, TimeProvider time, CancellationToken cancellationToken)
    {
        if (WrongContent(http, mediaType) is { } wrong)
        {
            return (default, wrong);
        }

        using var timer = new CancellationTokenSource(Timeout, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timer.Token);
        using var bytes = new MemoryStream();
        try
        {
            await http.Request.Body.CopyToAsync(bytes, deadline.Token);
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            http.Response.Headers.Connection = "close";
            return (default, TooLarge());
        }
        catch (Exception exception) when (IsTooSlow(exception, cancellationToken))
        {
            http.Response.Headers.Connection = "close";
            return (default, Problems.Create(Problems.BodyTooSlow, $"The body must arrive within {Timeout.TotalSeconds:0} seconds, at a minimum rate of a few hundred bytes per second."));
        }
        catch (BadHttpRequestException)
        {
            http.Response.Headers.Connection = "close";
            return (default, Problems.Create(Problems.MalformedBody, "The body does not match its Content-Length or its chunks."));
        }

        var read = bytes.GetBuffer().AsMemory(0, (int)bytes.Length);
        return Utf8.IsValid(read.Span) ? (read, null) : (default, Problems.Create(Problems.MalformedBody, "The body is not valid UTF-8."));
    }

    public static ProblemHttpResult TooLarge() => Problems.Create(Problems.BodyTooLarge, $"The body may have at most {MaxLength} bytes.");

    private static bool IsTooSlow(Exception exception, CancellationToken cancellationToken) =>
        exception is BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout }
        || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested);

    private static ProblemHttpResult? WrongContent(HttpContext http, string mediaType)
    {
        var request = http.Request;
        if (request.Headers.ContentEncoding is { Count: > 0 } encodings && !encodings.ToString().Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            http.Response.Headers.AcceptEncoding = "identity";
            return Problems.Create(Problems.UnsupportedContent, "Content-Encoding is not supported for request bodies.");
        }

        if (MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            && type.MediaType.Equals(mediaType, StringComparison.OrdinalIgnoreCase)
            && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) || type.Charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase)))
        {
            return null;
        }

        // RFC 5789, 3.1, and RFC 7694.
        http.Response.Headers[request.Method == HttpMethods.Patch ? "Accept-Patch" : HeaderNames.Accept] = mediaType;
        return Problems.Create(Problems.UnsupportedContent, $"The Content-Type must be {mediaType}, in UTF-8.");
    }
}
