using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace ProductCache.Domain;

/// <summary>The identity of a product: a positive 64-bit number.</summary>
public readonly record struct ProductId
{
    private readonly long value;

    public ProductId(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
        this.value = value;
    }

    public long Value => value > 0 ? value : throw new InvalidOperationException("default(ProductId) is not a product id.");

    /// <summary>
    /// Parses the canonical form: ASCII digits without sign, space or leading zero. A product has one URL and one cache key, so "01" and
    /// "+1" are rejected and not normalised.
    /// </summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ProductId id)
    {
        id = default;
        if (text is not { Length: > 0 and <= 19 } || text[0] == '0' || text.AsSpan().ContainsAnyExceptInRange('0', '9')
            || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        id = new ProductId(number);
        return true;
    }

    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
