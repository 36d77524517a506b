using System.Globalization;
using System.Text.Json;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api;

/// <summary>
/// The answer to a read of many: 200, each product with its own status, in the order asked for.
/// <code>
/// {"items":[{"id":1,"status":"hit","version":5,"age":3,"product":{…}},{"id":2,"status":"absent"},{"id":3,"status":"requested"}]}
/// </code>
/// </summary>
internal sealed class ProductList(IReadOnlyList<ProductId> ids, IReadOnlyList<GetProductResult> results, TimeProvider time) : IResult
{
    /// <summary>Beyond its lifetime, and served because nothing newer could be had yet.</summary>
    private const string Stale = "stale";

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        WriteHeaders(response.Headers);
        response.ContentType = "application/json; charset=utf-8";
        await using var json = new Utf8JsonWriter(response.BodyWriter);
        json.WriteStartObject();
        json.WriteStartArray("items"u8);
        for (var i = 0; i < ids.Count; i++)
        {
            WriteItem(json, ids[i], results[i]);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        await json.FlushAsync(httpContext.RequestAborted);
    }

    private void WriteItem(Utf8JsonWriter json, ProductId id, GetProductResult result)
    {
        json.WriteStartObject();
        json.WriteNumber("id"u8, id.Value);
        switch (result)
        {
            case GetProductResult.Found found:
                var age = CacheHeaders.AgeOf(found.Entry, time);
                json.WriteString("status"u8, age > CacheHeaders.LifetimeOf(found.Entry) ? Stale : "hit");
                json.WriteNumber("version"u8, found.Entry.Version);
                json.WriteNumber("age"u8, age);
                json.WritePropertyName("product"u8);

                // The bytes of the entry, as in an answer of its own.
                json.WriteRawValue(found.Entry.Body.Span, skipInputValidation: true);
                break;
            case GetProductResult.Absent:
                json.WriteString("status"u8, "absent");
                break;
            case GetProductResult.Requested:
                json.WriteString("status"u8, "requested");
                break;
            default:
                json.WriteString("status"u8, "unavailable");
                break;
        }

        json.WriteEndObject();
    }

    private void WriteHeaders(IHeaderDictionary headers)
    {
        var entries = results.Select(EntryOf).OfType<CachedProduct>().ToList();
        if (entries.Count < results.Count)
        {
            headers.RetryAfter = Problems.RetryAfter;
            headers.CacheControl = "no-store";
            headers[CacheHeaders.CacheStatus] = "ProductCache; fwd=miss";
            return;
        }

        // The whole is as fresh as its oldest part.
        var fresh = entries.Min(entry => CacheHeaders.LifetimeOf(entry) - CacheHeaders.AgeOf(entry, time));
        headers.CacheControl = string.Create(CultureInfo.InvariantCulture, $"public, max-age={Math.Max(fresh, 0)}");
        var filled = results.Any(result => result is GetProductResult.Found { Source: EntrySource.Fill } or GetProductResult.Absent { Source: EntrySource.Fill });
        headers[CacheHeaders.CacheStatus] = string.Create(
            CultureInfo.InvariantCulture, $"ProductCache; {(filled ? "fwd=miss; stored" : "hit")}; ttl={fresh}");
    }

    private static CachedProduct? EntryOf(GetProductResult result) => result switch
    {
        GetProductResult.Found found => found.Entry,
        GetProductResult.Absent absent => absent.Entry,
        _ => null,
    };
}
