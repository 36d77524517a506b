using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <summary>Reads product ids from requests and writes them to responses, by their type.</summary>
internal sealed class ProductIds(ProductIdType type)
{
    private const string Parameter = "ids";

    public ProductIdType Type => type;

    /// <summary>Reads the last segment of the path.</summary>
    /// <param name="value">As the router has decoded it: once, but for an escaped slash.</param>
    public bool TryReadPath(HttpContext http, string value, out ProductId id) =>
        type != ProductIdType.Text || !value.Contains('%', StringComparison.Ordinal) ? type.TryParse(value, out id) : type.TryParse(LastSegmentOf(http), out id);

    /// <summary>The texts of all ids of the query, without escapes. A comma that belongs to an id is escaped.</summary>
    public IEnumerable<string> ReadQuery(HttpRequest request)
    {
        if (type != ProductIdType.Text)
        {
            return request.Query[Parameter].SelectMany(value => (value ?? string.Empty).Split(','));
        }

        List<string> ids = [];
        foreach (var pair in new QueryStringEnumerable(request.QueryString.Value))
        {
            if (pair.DecodeName().Span.Equals(Parameter, StringComparison.OrdinalIgnoreCase))
            {
                ids.AddRange(pair.EncodedValue.ToString().Replace('+', ' ').Split(',').Select(Uri.UnescapeDataString));
            }
        }

        return ids;
    }

    public void Write(Utf8JsonWriter json, ProductId id)
    {
        if (type == ProductIdType.Bigint)
        {
            json.WriteNumber("id"u8, id.Value);
        }
        else
        {
            json.WriteString("id"u8, id.Text);
        }
    }

    public JsonNode NodeOf(ProductId id) => type == ProductIdType.Bigint ? JsonValue.Create(id.Value) : JsonValue.Create(id.Text);

    private static string LastSegmentOf(HttpContext http)
    {
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var path = target.AsSpan(0, target.IndexOf('?', StringComparison.Ordinal) is var query and >= 0 ? query : target.Length).TrimEnd('/');
        return Uri.UnescapeDataString(path[(path.LastIndexOf('/') + 1)..]);
    }
}
