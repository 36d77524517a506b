using System.Text.Unicode;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using ProductCache.Domain;

namespace ProductCache.Api.Http;

/// <summary>The bytes of a body, or the problem with them. What comes out is UTF-8 of an allowed length.</summary>
internal static class RequestBody
{
    /// <summary>In bytes: any valid product, in whatever spelling of JSON a client chooses.</summary>
    public const int MaxLength = (LongestCharacter * (Product.MaxNameLength + Product.MaxDescriptionLength)) + RoomForTheRest;

    /// <summary>In bytes: a character outside of the Basic Multilingual Plane, as an escaped surrogate pair (\uD83D\uDE00).</summary>
    private const int LongestCharacter = 12;

    /// <summary>In bytes: names of members (which may be escaped too), id, price, white space, framing of chunks.</summary>
    private const int RoomForTheRest = 8 * 1024;

    public const string Json = "application/json";

    public const string MergePatch = "application/merge-patch+json";

    /// <summary>From the first to the last byte.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    public static async Task<(ReadOnlyMemory<byte> Bytes, ProblemHttpResult? Fault)> ReadAsync(
        HttpContext http, string mediaType, TimeProvider time, CancellationToken cancellationToken)
    {
        if (WrongContent(http, mediaType) is { } wrong)
        {
            return (default, wrong);
        }

        using var timer = new CancellationTokenSource(Deadline, time);
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
            return (default, Problems.Create(Problems.BodyTooSlow, $"A body has to arrive within {Deadline.TotalSeconds:0} seconds, at a few hundred bytes a second."));
        }
        catch (BadHttpRequestException)
        {
            http.Response.Headers.Connection = "close";
            return (default, Problems.Create(Problems.MalformedBody, "The body does not end as the request says."));
        }

        var read = bytes.GetBuffer().AsMemory(0, (int)bytes.Length);
        return Utf8.IsValid(read.Span) ? (read, null) : (default, Problems.Create(Problems.MalformedBody, "The body is not UTF-8."));
    }

    public static ProblemHttpResult TooLarge() => Problems.Create(Problems.BodyTooLarge, $"A body has at most {MaxLength} bytes.");

    private static bool IsTooSlow(Exception exception, CancellationToken cancellationToken) =>
        exception is BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout }
        || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested);

    private static ProblemHttpResult? WrongContent(HttpContext http, string mediaType)
    {
        var request = http.Request;
        if (request.Headers.ContentEncoding is { Count: > 0 } encodings && !encodings.ToString().Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            http.Response.Headers.AcceptEncoding = "identity";
            return Problems.Create(Problems.UnsupportedContent, "A body comes as it is, without Content-Encoding.");
        }

        if (MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            && type.MediaType.Equals(mediaType, StringComparison.OrdinalIgnoreCase)
            && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) || type.Charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase)))
        {
            return null;
        }

        // RFC 5789, 3.1, and RFC 7694.
        http.Response.Headers[request.Method == HttpMethods.Patch ? "Accept-Patch" : HeaderNames.Accept] = mediaType;
        return Problems.Create(Problems.UnsupportedContent, $"The Content-Type of this request is {mediaType}, in UTF-8.");
    }
}
