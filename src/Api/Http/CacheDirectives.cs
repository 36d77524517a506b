using System.Globalization;
using Microsoft.Extensions.Primitives;
using ProductCache.Application;

namespace ProductCache.Api.Http;

/// <summary>
/// The request directives of Cache-Control (RFC 9111, 5.2.1). Unknown and malformed directives are ignored. If a directive occurs twice, the
/// more restrictive value applies, so that the response is not staler than either allows.
/// </summary>
internal static class CacheDirectives
{
    /// <summary>RFC 9111, 1.2.2: a larger number of seconds is read as this one.</summary>
    public const long MaxSeconds = 1L << 31;

    /// <returns>Null if the directives require nothing.</returns>
    public static Freshness? Read(StringValues lines)
    {
        var freshness = Freshness.None;
        foreach (var directive in HeaderList.Split(lines))
        {
            freshness = Add(freshness, HeaderList.ReadPair(directive));
        }

        return freshness == Freshness.None ? null : freshness;
    }

    // An argument that the directive does not define is ignored. Ignoring the whole directive could return a staler response.
    private static Freshness Add(Freshness freshness, (string Name, string? Value) directive) => directive.Name.ToLowerInvariant() switch
    {
        "only-if-cached" => freshness with { OnlyIfCached = true },
        "no-cache" => freshness with { NoCache = true },
        "max-age" when Seconds(directive.Value) is { } age => freshness with { MaxAge = Smaller(freshness.MaxAge, age) },
        "min-fresh" when Seconds(directive.Value) is { } fresh => freshness with { MinFresh = freshness.MinFresh > fresh ? freshness.MinFresh : fresh },
        "max-stale" when directive.Value is null => freshness with { MaxStale = freshness.MaxStale ?? TimeSpan.MaxValue },
        "max-stale" when Seconds(directive.Value) is { } stale => freshness with { MaxStale = Smaller(freshness.MaxStale, stale) },
        _ => freshness,
    };

    private static TimeSpan Smaller(TimeSpan? one, TimeSpan other) => one < other ? one.Value : other;

    // Null if the text is not delta-seconds.
    private static TimeSpan? Seconds(string? text)
    {
        if (string.IsNullOrEmpty(text) || text.AsSpan().ContainsAnyExceptInRange('0', '9'))
        {
            return null;
        }

        // A text of digits that does not fit into a long is above the maximum.
        return TimeSpan.FromSeconds(long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? Math.Min(seconds, MaxSeconds) : MaxSeconds);
    }
}
