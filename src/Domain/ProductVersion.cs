using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace ProductCache.Domain;

/// <summary>
/// The version of a product row. Every insert and update draws it from one sequence: of two versions of one product, the larger one is
/// the newer row.
/// </summary>
public readonly record struct ProductVersion
{
    /// <summary>Ranks (twice the version, plus one) must be exact as numbers of Lua, which are doubles.</summary>
    public const long Max = (1L << 52) - 1;

    /// <summary>
    /// How far the version of a cached row can be ahead of the version of a change that reaches the cache late. At 100,000 versions
    /// per second, drawing that many takes 127 days. The gap after a restored backup is 10 million.
    /// </summary>
    public const long MaxLead = 1L << 40;

    private readonly long value;

    public ProductVersion(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Max);
        this.value = value;
    }

    public long Value => value > 0 ? value : throw new InvalidOperationException("default(ProductVersion) is not a version.");

    /// <summary>ASCII digits without sign, space or leading zero.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ProductVersion version)
    {
        version = default;
        if (text is not { Length: > 0 and <= 19 } || text[0] == '0'
            || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > Max)
        {
            return false;
        }

        version = new ProductVersion(number);
        return true;
    }

    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
