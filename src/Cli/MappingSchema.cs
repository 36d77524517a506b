using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Json.Schema;
using ProductCache.Application;

namespace ProductCache.Cli;

/// <summary>The JSON Schema beside a mapping: drafted from products, and held against them.</summary>
internal static class MappingSchema
{
    private const string Subject = "schema";
    private const string TypeKey = "type";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <param name="schema">Null: there is none.</param>
    public static IReadOnlyList<Check> Check(string? schema, IReadOnlyList<MappedProduct> products)
    {
        List<MappedProduct> bodies = [.. products.Where(product => product.Body is not null)];
        if (schema is null)
        {
            return [new Check(Subject, CheckResult.Warning, "There is no JSON Schema beside the mapping, so OpenAPI says only that a product is an object.", "mapping check --draft-schema > NAME.schema.json")];
        }

        try
        {
            return Check(JsonSchema.FromText(schema), bodies);
        }

        // A pattern and a reference are looked at when a body needs them.
        catch (Exception wrong) when (wrong is JsonException or RegexParseException or RefResolutionException)
        {
            return [new Check(Subject, CheckResult.Fault, $"The JSON Schema beside the mapping is not valid: {wrong.Message.Split('\n')[0].TrimEnd('.')}.")];
        }
    }

    private static IReadOnlyList<Check> Check(JsonSchema rules, List<MappedProduct> bodies)
    {
        List<Check> checks = [];
        foreach (var product in bodies)
        {
            if (BodyOf(product.Body!) is not { } body)
            {
                checks.Add(new Check(Subject, CheckResult.Fault, $"Product {product.Id} has a member twice, which readers understand in different ways.", "Use jsonb in place of json."));
                continue;
            }

            EvaluationResults result;
            try
            {
                result = rules.Evaluate(body, new EvaluationOptions { OutputFormat = OutputFormat.List });
            }
            catch (Exception exception) when (exception is FormatException or OverflowException)
            {
                checks.Add(new Check(Subject, CheckResult.Warning, $"Product {product.Id} has a number that is too large for this check of the JSON Schema."));
                continue;
            }

            if (!result.IsValid)
            {
                var fault = result.Details.FirstOrDefault(detail => detail.HasErrors);
                checks.Add(new Check(Subject, CheckResult.Fault, $"Product {product.Id} does not fit the JSON Schema at {fault?.InstanceLocation}: {fault?.Errors?.Values.First()}"));
            }
        }

        return checks.Count > 0 ? checks : [new Check(Subject, CheckResult.Fine, $"{bodies.Count} products fit the JSON Schema.")];
    }

    /// <summary>A schema that the bodies fit. What all of them have is required.</summary>
    public static string Draft(IReadOnlyList<MappedProduct> products)
    {
        List<JsonNode?> bodies = [.. products.Select(product => product.Body is null ? null : BodyOf(product.Body)).Where(body => body is not null)];
        if (bodies.Count == 0)
        {
            bodies.Add(new JsonObject());
        }

        var schema = SchemaOf(bodies);
        schema.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        return schema.ToJsonString(Indented);
    }

    /// <returns>Null: an object has two members of one name.</returns>
    private static JsonNode? BodyOf(string body)
    {
        try
        {
            return JsonNode.Parse(body, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonObject SchemaOf(List<JsonNode?> values)
    {
        List<string> types = [.. values.Select(TypeOf).Distinct().Order(StringComparer.Ordinal)];
        if (types.Contains("number"))
        {
            types.Remove("integer");
        }

        JsonObject schema = new() { [TypeKey] = types.Count == 1 ? types[0] : new JsonArray([.. types.Select(type => (JsonNode)type)]) };
        List<JsonObject> objects = [.. values.OfType<JsonObject>()];
        var names = objects.SelectMany(one => one.Select(member => member.Key)).Distinct().ToList();
        if (names.Count > 0)
        {
            schema["properties"] = new JsonObject(names.Select(name => KeyValuePair.Create(
                name, (JsonNode?)SchemaOf([.. objects.Where(one => one.ContainsKey(name)).Select(one => one[name])]))));
            schema["required"] = new JsonArray([.. names.Where(name => objects.TrueForAll(one => one.ContainsKey(name))).Select(name => (JsonNode)name)]);
        }

        List<JsonNode?> items = [.. values.OfType<JsonArray>().SelectMany(list => list)];
        if (items.Count > 0)
        {
            schema["items"] = SchemaOf(items);
        }

        return schema;
    }

    private static string TypeOf(JsonNode? value) => value?.GetValueKind() switch
    {
        null => "null",
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.String => "string",
        JsonValueKind.Number => value.ToJsonString().AsSpan().ContainsAny(".eE") ? "number" : "integer",
        _ => "boolean",
    };
}
