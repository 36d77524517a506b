using System.Text.Json;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure.Mappings;

/// <summary>PRODUCT_MAPPING: the file with the mapping. Beside it, file.schema.json may have the JSON Schema of the body.</summary>
public static class MappingSettings
{
    public const string Setting = "PRODUCT_MAPPING";

    private const string SqlExtension = ".sql";
    private const string SchemaExtension = ".schema.json";

    /// <summary>Without the setting: the built-in table.</summary>
    public static ProductMapping ReadMapping(this Settings settings)
    {
        var path = settings.Text(Setting, string.Empty);
        if (path.Length == 0)
        {
            return ProductMapping.BuiltIn;
        }

        if (ReadFile(settings, path) is not { } text)
        {
            return ProductMapping.BuiltIn;
        }

        if (!ProductMapping.TryParse(Path.GetFileName(path), text, out var mapping, out var faults))
        {
            settings.Refuse($"{Setting} names {path}, which is no mapping. {string.Join(' ', faults)}");
            return ProductMapping.BuiltIn;
        }

        return mapping.WithSchema(ReadSchema(settings, SchemaPathOf(path)));
    }

    /// <summary>The file with the schema of a mapping.</summary>
    public static string SchemaPathOf(string path) =>
        $"{(path.EndsWith(SqlExtension, StringComparison.OrdinalIgnoreCase) ? path[..^SqlExtension.Length] : path)}{SchemaExtension}";

    private static string? ReadSchema(Settings settings, string path)
    {
        if (!File.Exists(path) || ReadFile(settings, path) is not { } text)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return text;
            }
        }
        catch (JsonException)
        {
            // Reported below: the message of the parser has no file name.
        }

        settings.Refuse($"{Setting}: {path} is not a JSON object.");
        return null;
    }

    private static string? ReadFile(Settings settings, string path)
    {
        try
        {
            if (new FileInfo(path).Length <= ProductMapping.MaxFileLength)
            {
                return File.ReadAllText(path);
            }

            settings.Refuse($"{Setting} names a file of more than {ProductMapping.MaxFileLength} bytes: {path}.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            settings.Refuse($"{Setting} names a file that cannot be read: {path}.");
        }

        return null;
    }
}
