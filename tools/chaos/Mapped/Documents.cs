using System.Text.Json;

namespace ProductCache.Chaos.Mapped;

/// <summary>Reads bodies of the mapping.</summary>
internal static class Documents
{
    /// <returns>Null: it is not a document.</returns>
    public static Document? Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            var root = json.RootElement;
            return new Document(
                root.GetProperty("write").GetInt64(),
                NumberOrNone(root.GetProperty("stock")),
                NumberOrNone(root.GetProperty("price")),
                [.. root.GetProperty("categories").EnumerateArray().Select(shown => new ShownCategory(shown[0].GetInt64(), shown[1].GetInt64(), NumberOrNone(shown[2])))]);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException)
        {
            return null;
        }
    }

    private static long NumberOrNone(JsonElement element) => element.ValueKind == JsonValueKind.Null ? 0 : element.GetInt64();
}
