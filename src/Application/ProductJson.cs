using System.Text.Encodings.Web;
using System.Text.Json;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The JSON of a product in responses: <c>{"id":1,"name":"…","price":123.45,"description":"…"}</c>, and <c>"attributes":{…}</c> if it has some.</summary>
public static class ProductJson
{
    // The content is application/json and never part of an HTML page, so nothing is escaped for HTML.
    public static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(Stream stream, Product product)
    {
        using var json = new Utf8JsonWriter(stream, WriterOptions);
        json.WriteStartObject();
        WriteMembers(json, product);
        json.WriteEndObject();
    }

    public static void WriteMembers(Utf8JsonWriter json, Product product)
    {
        json.WriteNumber("id"u8, product.Id.Value);
        json.WriteString("name"u8, product.Name);
        json.WriteNumber("price"u8, product.Price.Amount);
        json.WriteString("description"u8, product.Description);
        if (product.Attributes is { } attributes)
        {
            json.WritePropertyName("attributes"u8);
            json.WriteRawValue(attributes.Json, skipInputValidation: true);
        }
    }
}
