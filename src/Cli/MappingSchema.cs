using System.Text.Json;
using System.Text.Json.Nodes;
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
    public static IEnumerable<Check> Check(string? schema, IReadOnlyList<MappedProduct> products)
    {
        List<MappedProduct> bodies = [.. products.Where(product => product.Body is not null)];
        if (schema is null)
        {
            return [new Check(Subject, CheckResult.Warning, "There is no JSON Schema beside the mapping, so OpenAPI says only that a product is an object.", "mapping check --draft-schema > NAME.schema.json")];
        }

        JsonSchema rules;
        try
        {
            rules = JsonSchema.FromText(schema);
        }
        catch (JsonException wrong)
        {
            return [new Check(Subject, CheckResult.Fault, $"The JSON Schema beside the mapping is none: {wrong.Message}")];
        }

        List<Check> checks = [];
        foreach (var product in bodies)
        {
            var result = rules.Evaluate(JsonNode.Parse(product.Body!), new EvaluationOptions { OutputFormat = OutputFormat.List });
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
        List<JsonNode?> bodies = [.. products.Where(product => product.Body is not null).Select(product => JsonNode.Parse(product.Body!))];
        var schema = SchemaOf(bodies);
        schema.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        return schema.ToJsonString(Indented);
    }

    private static JsonObject SchemaOf(List<JsonNode?> values)
    {
        List<string> types = [.. values.Select(TypeOf).Distinct().Order(StringComparer.Ordinal)];
        if (types is ["integer", "number"])
        {
            types = ["number"];
        }

        JsonObject schema = new() { [TypeKey] = types.Count == 1 ? types[0] : new JsonArray([.. types.Select(type => (JsonNode)type)]) };
        List<JsonObject> objects = [.. values.OfType<JsonObject>()];
        if (objects.Count > 0)
        {
            var names = objects.SelectMany(one => one.Select(member => member.Key)).Distinct().ToList();
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
