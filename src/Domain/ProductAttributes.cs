using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ProductCache.Domain;

/// <summary>Members of a product that this service does not know: a JSON object, at most <see cref="MaxLength"/> long and <see cref="MaxDepth"/> deep.</summary>
public sealed record ProductAttributes
{
    /// <summary>In bytes of UTF-8, as PostgreSQL writes it: with a space after each colon and comma.</summary>
    public const int MaxLength = 64 * 1024;

    /// <summary>Levels of objects and lists, the first object included.</summary>
    public const int MaxDepth = 8;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private ProductAttributes(string json) => Json = json;

    /// <summary>The object without white space.</summary>
    public string Json { get; }

    /// <summary>Reads an object that a writer sent.</summary>
    /// <param name="fault">Why PostgreSQL could not keep it, or this service does not: one sentence.</param>
    public static bool TryParse(JsonElement element, [NotNullWhen(true)] out ProductAttributes? attributes, [NotNullWhen(false)] out string? fault)
    {
        attributes = null;
        fault = element.ValueKind == JsonValueKind.Object ? FaultOf(element, 1) : "attributes must be an object.";
        if (fault is not null)
        {
            return false;
        }

        var json = Compact(element);
        if (Encoding.UTF8.GetByteCount(json) + SeparatorsOf(element) > MaxLength)
        {
            fault = $"attributes may have at most {MaxLength} bytes, with a space after each colon and comma.";
            return false;
        }

        attributes = new ProductAttributes(json);
        return true;
    }

    /// <summary>Reads what PostgreSQL has stored. Its own rules hold the limits.</summary>
    /// <exception cref="ArgumentException">The text is not an object.</exception>
    public static ProductAttributes OfStore(string text)
    {
        using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 2 * MaxDepth });
        return document.RootElement.ValueKind == JsonValueKind.Object
            ? new ProductAttributes(Compact(document.RootElement))
            : throw new ArgumentException("The attributes are not an object.", nameof(text));
    }

    private static string? FaultOf(JsonElement element, int depth)
    {
        if (depth > MaxDepth && element.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
        {
            return $"attributes may have at most {MaxDepth} levels.";
        }

        return element.ValueKind switch
        {
            JsonValueKind.Object => element.EnumerateObject().Select(member => FaultOf(member.Name) ?? FaultOf(member.Value, depth + 1)).FirstOrDefault(fault => fault is not null),
            JsonValueKind.Array => element.EnumerateArray().Select(item => FaultOf(item, depth + 1)).FirstOrDefault(fault => fault is not null),
            JsonValueKind.String => FaultOf(element),
            JsonValueKind.Number => element.TryGetDouble(out var number) && double.IsFinite(number) ? null : "A number in attributes must be within the range of a 64-bit floating-point number.",
            _ => null,
        };
    }

    private static string? FaultOf(JsonElement text)
    {
        try
        {
            return FaultOf(text.GetString()!);
        }
        catch (InvalidOperationException)
        {
            return "A text in attributes must not contain an unpaired surrogate.";
        }
    }

    private static string? FaultOf(string text) => text.Contains('\0') ? "A text in attributes has no null character: PostgreSQL cannot store it." : null;

    private static string Compact(JsonElement element)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            element.WriteTo(writer);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    // Colons and commas.
    private static int SeparatorsOf(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().Sum(member => 2 + SeparatorsOf(member.Value)) is > 0 and var sum ? sum - 1 : 0,
        JsonValueKind.Array => element.EnumerateArray().Sum(item => 1 + SeparatorsOf(item)) is > 0 and var sum ? sum - 1 : 0,
        _ => 0,
    };
}
