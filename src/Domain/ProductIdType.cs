using System.Diagnostics.CodeAnalysis;

namespace ProductCache.Domain;

/// <summary>The type of the ids of all products.</summary>
public sealed class ProductIdType
{
    /// <summary>1 to 9,223,372,036,854,775,807.</summary>
    public static readonly ProductIdType Bigint = new(
        "bigint", "an integer from 1 to 9223372036854775807, in digits without sign or leading zeros", ProductId.TryParse);

    /// <summary>The canonical form: 36 characters with hyphens, hexadecimal digits in lower case.</summary>
    public static readonly ProductIdType Uuid = new("uuid", "a UUID of 36 characters, with hyphens and lower-case digits", TryParseUuid);

    /// <summary>See <see cref="ProductId.TryOfText"/>.</summary>
    public static readonly ProductIdType Text = new(
        "text", $"a text of 1 to {ProductId.MaxLength} characters, without control characters and without white space at its ends, and not . or ..", ProductId.TryOfText);

    public static readonly IReadOnlyList<ProductIdType> All = [Bigint, Uuid, Text];

    private readonly TryParseId tryParse;

    private ProductIdType(string name, string rule, TryParseId tryParse) => (Name, Rule, this.tryParse) = (name, rule, tryParse);

    private delegate bool TryParseId([NotNullWhen(true)] string? text, out ProductId id);

    /// <summary>The name of the type in PostgreSQL.</summary>
    public string Name { get; }

    /// <summary>What an id must be, as the end of a sentence.</summary>
    public string Rule { get; }

    /// <summary>Parses an id without escapes, in its canonical form.</summary>
    public bool TryParse([NotNullWhen(true)] string? text, out ProductId id) => tryParse(text, out id);

    public override string ToString() => Name;

    private static bool TryParseUuid([NotNullWhen(true)] string? text, out ProductId id)
    {
        id = default;
        return Guid.TryParseExact(text, "D", out var uuid) && uuid.ToString("D") == text && ProductId.TryOfText(text, out id);
    }
}
