using System.Globalization;
using Microsoft.Extensions.Primitives;
using ProductCache.Application;

namespace ProductCache.Api.Http;

/// <summary>The Accept-Encoding header (RFC 9110, 12.5.3). Without it, and where it refuses everything, a body is sent without an encoding.</summary>
internal static class AcceptEncoding
{
    private const string Identity = "identity";
    private const string Any = "*";

    /// <summary>Whether gzip is accepted, and not less than no encoding.</summary>
    public static bool AcceptsGzip(StringValues lines)
    {
        // What browsers and common clients send needs no list.
        if (lines is [{ } line] && !line.Contains(';', StringComparison.Ordinal) && !line.Contains(Identity, StringComparison.OrdinalIgnoreCase))
        {
            return line.Contains(BodyCompression.Encoding, StringComparison.OrdinalIgnoreCase) || line.Contains('*', StringComparison.Ordinal);
        }

        double? gzip = null, identity = null, any = null;
        foreach (var member in HeaderList.Split(lines))
        {
            var parts = member.Split(';', 2);
            var quality = parts.Length == 1 ? 1 : QualityOf(parts[1]);
            switch (parts[0].Trim().ToLowerInvariant())
            {
                case BodyCompression.Encoding or "x-gzip":
                    gzip = quality;
                    break;
                case Identity:
                    identity = quality;
                    break;
                case Any:
                    any = quality;
                    break;
            }
        }

        return (gzip ?? any ?? 0) is > 0 and var accepted && accepted >= (identity ?? 0);
    }

    // A weight that cannot be read counts as 0: a body without an encoding is always understood.
    private static double QualityOf(string parameter) =>
        HeaderList.ReadPair(parameter) is ("q" or "Q", { } value)
        && double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var quality) && quality <= 1
            ? quality
            : 0;
}
