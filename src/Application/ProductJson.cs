using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The JSON of products, as the store makes it and as readers get it.</summary>
public static class ProductJson
{
    /// <summary>Levels of objects and lists.</summary>
    public const int MaxDepth = 64;

    // The content is application/json and never part of an HTML page, so nothing is escaped for HTML.
    public static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly JsonDocumentOptions ReaderOptions = new() { MaxDepth = MaxDepth };

    /// <summary>Takes the white space and needless escapes out of what the store made.</summary>
    /// <param name="fault">Why it is no product, in one sentence.</param>
    public static bool TryCompact(ReadOnlyMemory<byte> text, out ReadOnlyMemory<byte> json, [NotNullWhen(false)] out string? fault)
    {
        json = default;
        fault = null;
        if (!Utf8.IsValid(text.Span))
        {
            fault = "The product is not UTF-8.";
            return false;
        }

        try
        {
            using var document = JsonDocument.Parse(text, ReaderOptions);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                fault = "The body is not a JSON object.";
                return false;
            }

            var buffer = new ArrayBufferWriter<byte>(text.Length);
            using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
            {
                document.RootElement.WriteTo(writer);
            }

            json = buffer.WrittenMemory;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an unpaired surrogate, which json permits and jsonb does not.
            fault = $"The body is not JSON of at most {MaxDepth} levels.";
            return false;
        }

        if (json.Length > Product.MaxLength)
        {
            fault = $"The body has {json.Length} bytes, more than {Product.MaxLength}.";
            return false;
        }

        return true;
    }
}
