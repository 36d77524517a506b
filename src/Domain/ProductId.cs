using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace ProductCache.Domain;

/// <summary>
/// The identity of a product: a positive 64-bit number, or a text of 1 to <see cref="MaxLength"/> characters (a UUID is a text). A text that
/// is the canonical form of a positive 64-bit number is that number, so an id has one representation whatever the type of its column.
/// </summary>
public readonly struct ProductId : IEquatable<ProductId>
{
    /// <summary>In code points.</summary>
    public const int MaxLength = 200;

    /// <summary>How many characters <see cref="ToString"/> returns at most: three for each byte of UTF-8.</summary>
    public const int MaxEscapedLength = 3 * 4 * MaxLength;

    // What may stand in the segment of a URL, in a Redis key and in a list of ids without an escape. A comma separates ids; + is a space in a query.
    private const string Plain = "-._~!$*();=:@";

    // 0: the id is a text.
    private readonly long number;
    private readonly string? text;

    public ProductId(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
        number = value;
    }

    private ProductId(string text) => this.text = text;

    public bool IsNumber => number > 0;

    /// <summary>The number.</summary>
    /// <exception cref="InvalidOperationException">The id is a text.</exception>
    public long Value => number > 0 ? number : throw new InvalidOperationException(text is null ? "default(ProductId) is not a product id." : "The product id is a text.");

    /// <summary>The id as the store has it, without escapes.</summary>
    public string Text => text ?? Value.ToString(CultureInfo.InvariantCulture);

    public static bool operator ==(ProductId left, ProductId right) => left.Equals(right);

    public static bool operator !=(ProductId left, ProductId right) => !left.Equals(right);

    /// <summary>
    /// Parses the canonical form of a number: ASCII digits without sign, space or leading zero. A product has one URL and one cache key, so
    /// "01" and "+1" are rejected and not normalised.
    /// </summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ProductId id)
    {
        id = default;
        if (text is not { Length: > 0 and <= 19 } || text[0] == '0' || text.AsSpan().ContainsAnyExceptInRange('0', '9')
            || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed))
        {
            return false;
        }

        id = new ProductId(parsed);
        return true;
    }

    /// <summary>
    /// Reads an id of the store: a number or a text without control characters, unpaired surrogates, and white space at its ends. "." and ".."
    /// are no ids, since clients remove them from URLs.
    /// </summary>
    public static bool TryOfText([NotNullWhen(true)] string? text, out ProductId id)
    {
        if (TryParse(text, out id))
        {
            return true;
        }

        if (text is not { Length: > 0 and <= 2 * MaxLength } || text is "." or ".." || char.IsWhiteSpace(text[0]) || char.IsWhiteSpace(text[^1]))
        {
            return false;
        }

        var length = 0;
        for (var i = 0; i < text.Length; i++, length++)
        {
            if (char.IsControl(text[i]) || (char.IsSurrogate(text[i]) && !(i + 1 < text.Length && char.IsSurrogatePair(text[i], text[++i]))))
            {
                return false;
            }
        }

        if (length > MaxLength)
        {
            return false;
        }

        id = new ProductId(text);
        return true;
    }

    /// <summary>Reads what <see cref="ToString"/> returns. Another way to escape the same id is rejected.</summary>
    public static bool TryReadEscaped([NotNullWhen(true)] string? escaped, out ProductId id)
    {
        if (TryParse(escaped, out id))
        {
            return true;
        }

        return escaped is { Length: > 0 and <= MaxEscapedLength } && TryOfText(Uri.UnescapeDataString(escaped), out id) && id.ToString() == escaped;
    }

    public bool Equals(ProductId other) => number == other.number && text == other.text;

    public override bool Equals(object? obj) => obj is ProductId other && Equals(other);

    public override int GetHashCode() => text is null ? number.GetHashCode() : text.GetHashCode(StringComparison.Ordinal);

    /// <summary>
    /// The id as it stands in URLs, Redis keys, Kafka keys and logs: ASCII, with percent escapes for all but letters, digits and
    /// <c>-._~!$*();=:@</c>.
    /// </summary>
    public override string ToString()
    {
        if (text is null)
        {
            return Value.ToString(CultureInfo.InvariantCulture);
        }

        if (text.All(IsPlain))
        {
            return text;
        }

        var escaped = new StringBuilder(text.Length + 16);
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.IsAscii && IsPlain((char)rune.Value))
            {
                escaped.Append((char)rune.Value);
                continue;
            }

            foreach (var value in bytes[..rune.EncodeToUtf8(bytes)])
            {
                escaped.Append(CultureInfo.InvariantCulture, $"%{value:X2}");
            }
        }

        return escaped.ToString();
    }

    private static bool IsPlain(char character) => char.IsAsciiLetterOrDigit(character) || Plain.Contains(character, StringComparison.Ordinal);
}
