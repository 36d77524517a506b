using System.Net;

namespace ProductCache.Api.Http;

/// <summary>
/// X-Forwarded-Prefix of a trusted proxy: the path under which it publishes this service. Links in responses begin with it. The header is
/// ignored if the sender is not trusted, or if the value is not a plain path: //host in a Location would lead to another server.
/// </summary>
internal static class ForwardedPrefix
{
    public const string Header = "X-Forwarded-Prefix";

    /// <summary>In characters.</summary>
    private const int MaxLength = 256;

    /// <summary>Must precede the middleware that replaces the address of the connection by that of the client.</summary>
    public static void UseForwardedPrefix(this WebApplication application, IReadOnlyList<System.Net.IPNetwork> trustedProxies) => application.Use((http, next) =>
    {
        if (http.Request.Headers.TryGetValue(Header, out var values)
            && http.Connection.RemoteIpAddress is { } sender
            && IsTrusted(sender, trustedProxies)
            && TryRead(HeaderList.Split(values).LastOrDefault(), out var prefix))
        {
            http.Request.PathBase = prefix;
        }

        return next(http);
    });

    /// <summary>Of several values the last one applies, because the sender itself added it.</summary>
    internal static bool TryRead(string? text, out PathString prefix)
    {
        var path = text?.Trim().TrimEnd('/') ?? string.Empty;
        prefix = default;
        if (path.Length is 0 or > MaxLength || path[0] != '/' || !path[1..].Split('/').All(IsSegment))
        {
            return false;
        }

        prefix = new PathString(path);
        return true;
    }

    private static bool IsSegment(string segment) =>
        segment.Length > 0 && segment is not ("." or "..") && segment.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '.' or '_' or '~');

    private static bool IsTrusted(IPAddress sender, IReadOnlyList<System.Net.IPNetwork> trustedProxies)
    {
        var address = sender.IsIPv4MappedToIPv6 ? sender.MapToIPv4() : sender;
        return trustedProxies.Any(proxy => proxy.Contains(address));
    }
}
