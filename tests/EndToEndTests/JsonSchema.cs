using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace ProductCache.EndToEndTests;

/// <summary>
/// As much of JSON Schema as the description of the API uses. What it does not know it refuses: a rule must not pass because
/// nobody has looked at it.
/// </summary>
internal sealed class JsonSchema(JsonElement document)
{
    private static readonly string[] Annotations = ["description", "format", "default", "example", "examples"];

    /// <returns>What breaks the schema, with its place.</returns>
    public IEnumerable<string> Violations(JsonElement schema, JsonElement value, string place = "#")
    {
        foreach (var rule in schema.EnumerateObject().Where(rule => !Annotations.Contains(rule.Name)))
        {
            foreach (var violation in ViolationsOf(rule, schema, value, place))
            {
                yield return violation;
            }
        }
    }

    public JsonElement Resolve(string reference) =>
        reference.Split('/').Skip(1).Aggregate(document, (element, name) => element.GetProperty(name));

    private IEnumerable<string> ViolationsOf(JsonProperty rule, JsonElement schema, JsonElement value, string place)
    {
        var (isText, isNumber) = (value.ValueKind == JsonValueKind.String, value.ValueKind == JsonValueKind.Number);
        switch (rule.Name)
        {
            case "$ref":
                return Violations(Resolve(rule.Value.GetString()!), value, place);
            case "type":
                return Unless(TypesOf(rule.Value).Any(type => IsOf(type, value)), $"is {value.ValueKind}");
            case "required":
                return rule.Value.EnumerateArray().Where(name => value.ValueKind == JsonValueKind.Object && !value.TryGetProperty(name.GetString()!, out _))
                    .Select(name => $"{place}: {name} is missing");
            case "properties":
                return value.ValueKind != JsonValueKind.Object ? [] : rule.Value.EnumerateObject().SelectMany(member =>
                    value.TryGetProperty(member.Name, out var part) ? Violations(member.Value, part, $"{place}/{member.Name}") : []);
            case "additionalProperties" when rule.Value.ValueKind == JsonValueKind.False:
                return value.ValueKind != JsonValueKind.Object ? [] : value.EnumerateObject()
                    .Where(member => !schema.GetProperty("properties").TryGetProperty(member.Name, out _)).Select(member => $"{place}: {member.Name} is not known");
            case "items":
                return value.ValueKind != JsonValueKind.Array ? [] : value.EnumerateArray().SelectMany((item, i) => Violations(rule.Value, item, $"{place}/{i}"));
            case "maxItems":
                return Unless(value.ValueKind != JsonValueKind.Array || value.GetArrayLength() <= rule.Value.GetInt32(), "has too many items");
            case "enum":
                return Unless(rule.Value.EnumerateArray().Any(one => JsonElement.DeepEquals(one, value)), $"is {value}");
            case "anyOf":
                return Unless(rule.Value.EnumerateArray().Any(one => !Violations(one, value, place).Any()), "is of none of the schemas");
            case "minLength":
                return Unless(!isText || LengthOf(value) >= rule.Value.GetInt32(), "is too short");
            case "maxLength":
                return Unless(!isText || LengthOf(value) <= rule.Value.GetInt32(), "is too long");
            case "pattern":
                return Unless(!isText || Regex.IsMatch(value.GetString()!, rule.Value.GetString()!), $"does not match {rule.Value}");
            case "minimum":
                return Unless(!isNumber || NumberOf(value) >= NumberOf(rule.Value), "is too small");
            case "maximum":
                return Unless(!isNumber || NumberOf(value) <= NumberOf(rule.Value), "is too large");
            case "exclusiveMaximum":
                return Unless(!isNumber || NumberOf(value) < NumberOf(rule.Value), "is too large");
            case "multipleOf":
                return Unless(!isNumber || NumberOf(value) % NumberOf(rule.Value) == 0, $"is not a multiple of {rule.Value}");
            default:
                throw new NotSupportedException($"The rule {rule.Name}.");
        }

        IEnumerable<string> Unless(bool holds, string what) => holds ? [] : [$"{place} {what}"];
    }

    public static IEnumerable<string> TypesOf(JsonElement type) =>
        type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().Select(one => one.GetString()!) : [type.GetString()!];

    private static bool IsOf(string type, JsonElement value) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "null" => value.ValueKind == JsonValueKind.Null,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && NumberOf(value) % 1 == 0,
        _ => throw new NotSupportedException($"The type {type}."),
    };

    private static int LengthOf(JsonElement text) => text.GetString()!.EnumerateRunes().Count();

    private static decimal NumberOf(JsonElement number) => decimal.Parse(number.GetRawText(), NumberStyles.Float, CultureInfo.InvariantCulture);
}
