using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using CsCheck;

namespace ProductCache.EndToEndTests;

/// <summary>A request that the description of the API allows, or almost.</summary>
internal sealed record GeneratedRequest(
    DescribedOperation Operation, string Path, IReadOnlyList<(string Name, string Value)> Headers, string? Body, string ContentType, string? Credential)
{
    // What breaks those who read it carelessly.
    private static readonly string[] Nasty =
    [
        "0", "-1", "01", "1.5", "9223372036854775808", "1e3", "NaN", "null", "*", "\"", "'; DROP TABLE products --", "<script>", "%", "%%%", "%2F", "a/b", "\\", "a,b", ",",
        "{}", "٣", "🫖🫖🫖", "a\tb", " ", new string('9', 300), new string('x', 1_000),
    ];

    private static readonly string[] NastyHeaders =
    [
        "", "0", "-1", "*", "W/\"5\"", "\"5\", \"6\"", "\"", "\"x\"", "5", "no-cache", "max-age=0", "max-age=-1", "max-age=99999999999", "min-fresh=5, max-stale", "only-if-cached",
        "no-cache, only-if-cached", "max-stale=1;x", "wait", "wait=0", "wait=\"1\"", "wait=1, respond-async", "wait=999999999999", "=", ",,,", new string('a', 300), "\u007f",
    ];

    private static readonly string[] NastyBodies =
    [
        "", " ", "null", "[]", "{}", "3", "\"x\"", "{", "{\"name\":\"a\",\"price\":1}}", "{\"name\":\"a\",\"name\":\"b\",\"price\":1}", "{\"name\":\"\\ud800\",\"price\":1}",
        "{\"name\":\"a\",\"price\":NaN}", "{\"name\":\"a\",\"price\":1e400}", "{\"name\":\"a\",\"price\":1e-400}", "{\"name\":\"a\",\"price\":-0}", "\uFEFF{}", "{\"\\ud800\":1}",
        "{\"name\":\"a\",\"price\":1,\"description\":\"\\u0000\"}", "{\"__proto__\":{},\"name\":\"a\",\"price\":1}",
        string.Concat(Enumerable.Repeat("[", 10_000)), string.Concat(Enumerable.Repeat("{\"a\":", 5_000)), new string(' ', 530_000),
    ];

    public static Gen<GeneratedRequest> Any(IReadOnlyList<DescribedOperation> operations, JsonSchema schema, long ids, params string?[] credentials) =>
        Among(operations).SelectMany(operation => Gen.Select(
            PathOf(operation, ids),
            HeadersOf(operation),
            operation.Body is { } body ? BodyOf(body.Schema, schema) : Gen.Const((string?)null),
            Gen.Frequency((9, Gen.Const(operation.Body?.MediaType ?? "application/json")), (1, Among(["text/plain", "application/json; charset=utf-16", "x", "application/xml"]))),
            Among(credentials),
            (path, headers, body, contentType, credential) => new GeneratedRequest(operation, path, headers, body, contentType, credential)));

    public HttpRequestMessage ToMessage()
    {
        var message = new HttpRequestMessage(new HttpMethod(Operation.Method), Path);
        message.Headers.Authorization = Credential is null ? null : new AuthenticationHeaderValue("Bearer", Credential);
        foreach (var (name, value) in Headers)
        {
            message.Headers.TryAddWithoutValidation(name, value);
        }

        if (Body is not null)
        {
            message.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Body));
            message.Content.Headers.TryAddWithoutValidation("Content-Type", ContentType);
        }

        return message;
    }

    public override string ToString() =>
        $"{Operation.Method} {Path}\n{string.Join('\n', Headers.Select(header => $"{header.Name}: {header.Value}"))}\n{ContentType}, {(Credential is null ? "no credential" : Credential[..8])}\n{Body}";

    private static Gen<T> Among<T>(IReadOnlyList<T> values) => Gen.Int[0, values.Count - 1].Select(index => values[index]);

    private static Gen<string> PathOf(DescribedOperation operation, long ids)
    {
        var path = operation.Parameters.Where(parameter => parameter.In == "path").Aggregate(
            Gen.Const(operation.Path),
            (path, parameter) => Gen.Select(path, ValueOf(parameter, ids), (text, value) => text.Replace($"{{{parameter.Name}}}", Uri.EscapeDataString(value), StringComparison.Ordinal)));
        var query = operation.Parameters.Where(parameter => parameter.In == "query").Select(parameter => Gen.Frequency(
            (2, Gen.Const(string.Empty)),
            (1, ValueOf(parameter, ids).Select(value => $"&{parameter.Name}={Uri.EscapeDataString(value)}"))));
        return query.Aggregate(path.Select(text => $"{text}?"), (all, one) => Gen.Select(all, one, (text, more) => text + more))
            .Select(text => text.Replace("?&", "?", StringComparison.Ordinal).TrimEnd('?'));
    }

    private static Gen<string> ValueOf(DescribedParameter parameter, long ids) => Gen.Frequency(
        (6, parameter.Name == "id" ? Gen.Long[1, ids].Select(id => id.ToString(CultureInfo.InvariantCulture)) : Gen.Const(parameter.Example)),
        (1, parameter.Name == "ids" ? Gen.Long[1, ids].Array[1, 210].Select(several => string.Join(',', several)) : Gen.Const(parameter.Example)),
        (1, Among(Nasty)));

    private static Gen<List<(string, string)>> HeadersOf(DescribedOperation operation) => operation.Parameters.Where(parameter => parameter.In == "header").Aggregate(
        Gen.Const(new List<(string, string)>()),
        (all, parameter) => Gen.Select(
            all,
            Gen.Frequency(
                (parameter.Required ? 1 : 3, Gen.Const((string?)null)),
                (parameter.Required ? 8 : 2, Among<string?>([parameter.Example, "*", "*"])),
                (1, Among<string?>(NastyHeaders))),
            (headers, value) => value is null ? headers : [.. headers, (parameter.Name, value)]));

    private static Gen<string?> BodyOf(JsonElement reference, JsonSchema schema) => Gen.Frequency(
        (6, ObjectOf(schema.Resolve(reference.GetProperty("$ref").GetString()!)).Select(text => (string?)text)),
        (1, Among<string?>(NastyBodies)));

    private static Gen<string> ObjectOf(JsonElement schema)
    {
        var required = schema.TryGetProperty("required", out var names) ? names.EnumerateArray().Select(name => name.GetString()).ToList() : [];
        return schema.GetProperty("properties").EnumerateObject().Aggregate(
            Gen.Const(string.Empty),
            (all, member) => Gen.Select(
                all,
                Gen.Frequency((required.Contains(member.Name) ? 20 : 1, ValueOf(member.Value).Select(value => $",\"{member.Name}\":{value}")), (2, Gen.Const(string.Empty))),
                (text, more) => text + more)).Select(members => $"{{{members.TrimStart(',')}}}");
    }

    // Mostly what the schema allows, at its edges.
    private static Gen<string> ValueOf(JsonElement schema)
    {
        var wrong = Among(["null", "true", "[]", "{}", "\"\"", "-1", "0.001", "1e30", "\"a\\nb\"", "\"\\u0000\"", $"\"{new string('x', 11_000)}\""]);
        Gen<string> right = JsonSchema.TypesOf(schema.GetProperty("type")).First() switch
        {
            "string" => Gen.OneOf(
                Gen.String[Gen.Char.AlphaNumeric, 1, 50],
                Gen.Const(new string('n', schema.GetProperty("maxLength").GetInt32())),
                Among(["é", "🫖", "\"", "\\", "</script>", "\u2028"])).Select(text => JsonSerializer.Serialize(text)),
            "number" => Gen.Int[0, 1_000_000].Select(cents => (cents / 100m).ToString(CultureInfo.InvariantCulture)),
            _ => Gen.Int[1, 60].Select(number => number.ToString(CultureInfo.InvariantCulture)),
        };
        return Gen.Frequency((12, right), (1, wrong));
    }
}

internal sealed record DescribedParameter(string Name, string In, bool Required, string Example);

/// <param name="Answers">By status: the bodies that are allowed, by media type.</param>
internal sealed record DescribedOperation(
    string Method,
    string Path,
    IReadOnlyList<DescribedParameter> Parameters,
    (string MediaType, JsonElement Schema)? Body,
    IReadOnlyDictionary<int, IReadOnlyDictionary<string, JsonElement>> Answers)
{
    public static IEnumerable<DescribedOperation> All(JsonElement document) =>
        from path in document.GetProperty("paths").EnumerateObject()
        from operation in path.Value.EnumerateObject()
        select Of(path.Name, operation.Name.ToUpperInvariant(), operation.Value);

    public override string ToString() => $"{Method} {Path}";

    private static DescribedOperation Of(string path, string method, JsonElement operation) => new(
        method,
        path,
        [.. (operation.TryGetProperty("parameters", out var parameters) ? parameters.EnumerateArray() : []).Select(parameter => new DescribedParameter(
            parameter.GetProperty("name").GetString()!,
            parameter.GetProperty("in").GetString()!,
            parameter.TryGetProperty("required", out var required) && required.GetBoolean(),
            parameter.GetProperty("example").ToString()))],
        operation.TryGetProperty("requestBody", out var body)
            ? body.GetProperty("content").EnumerateObject().Select(content => (content.Name, content.Value.GetProperty("schema"))).Single()
            : null,
        operation.GetProperty("responses").EnumerateObject().ToDictionary(
            answer => int.Parse(answer.Name, CultureInfo.InvariantCulture),
            answer => (IReadOnlyDictionary<string, JsonElement>)(answer.Value.TryGetProperty("content", out var content) ? content.EnumerateObject() : [])
                .ToDictionary(media => media.Name, media => media.Value.GetProperty("schema"))));
}
