using System.Text.Json;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <summary>
/// The response to a read with <c>ids</c>: 200 with a status for each product, in the order of the request.
/// <code>
/// {"items":[{"id":1,"status":"hit","version":5,"age":3,"product":{…}},{"id":2,"status":"absent"},{"id":3,"status":"requested"}]}
/// </code>
/// </summary>
internal sealed class ProductBatchResult(
    IReadOnlyList<ProductId> ids, GetProductResult[] results, DateTimeOffset now, LargeAnswers answers, HeldBytes held, ProductIds idsOfType, CacheHeaders cacheHeaders) : IResult
{
    /// <summary>The entry has exceeded its lifetime and is served because no newer one is available yet.</summary>
    private const string Stale = "stale";

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        WriteHeaders(response.Headers);
        response.ContentType = "application/json; charset=utf-8";
        if (HttpMethods.IsHead(httpContext.Request.Method))
        {
            return;
        }

        await using var writer = answers.Write(httpContext);
        writer.Json.WriteStartObject();
        writer.Json.WriteStartArray("items"u8);
        for (var i = 0; i < ids.Count; i++)
        {
            WriteItem(writer.Json, ids[i], results[i]);

            // Release the memory of a written entry.
            var size = results[i].Cached?.BodyLength ?? 0;
            results[i] = GetProductResult.NotCached.Instance;
            if (!await writer.PartAsync())
            {
                return;
            }

            held.Remove(size);
        }

        writer.Json.WriteEndArray();
        writer.Json.WriteEndObject();
    }

    private void WriteItem(Utf8JsonWriter json, ProductId id, GetProductResult result)
    {
        json.WriteStartObject();
        idsOfType.Write(json, id);
        switch (result)
        {
            case GetProductResult.Found found when found.Entry.TryGetBody(out var body):
                var age = CacheHeaders.AgeOf(found.Entry, now);
                json.WriteString("status"u8, age > cacheHeaders.LifetimeOf(found.Entry, age) ? Stale : "hit");
                json.WriteNumber("version"u8, found.Entry.Version);
                json.WriteNumber("age"u8, age);
                json.WritePropertyName("product"u8);

                // The cached bytes, as in the response to a single read.
                json.WriteRawValue(body.Span, skipInputValidation: true);
                break;
            case GetProductResult.Absent:
                json.WriteString("status"u8, "absent");
                break;
            case GetProductResult.Unreadable unreadable:
                json.WriteString("status"u8, "unreadable");
                json.WriteString("detail"u8, unreadable.Entry.Reason);
                break;
            case GetProductResult.Requested:
                json.WriteString("status"u8, "requested");
                break;
            case GetProductResult.OlderThanDemanded older:
                json.WriteString("status"u8, "older");
                json.WriteNumber("version"u8, older.Entry.Version);
                break;
            default:
                json.WriteString("status"u8, "unavailable");
                break;
        }

        json.WriteEndObject();
    }

    private void WriteHeaders(IHeaderDictionary headers)
    {
        var forwards = results.Select(result => result.Forwarded).OfType<Forward>().ToList();
        var entries = ids.Zip(results, (id, result) => (Id: id, Entry: result.Cached!)).Where(one => one.Entry is not null).ToList();
        if (entries.Count < results.Length)
        {
            headers.RetryAfter = Problems.RetryAfter;
            CacheHeaders.WriteNothing(headers, forwards.Count > 0 ? StatusOf(forwards, stored: false) : "detail=incomplete");
            return;
        }

        cacheHeaders.Write(headers, entries, forwards.Count > 0 ? StatusOf(forwards, stored: true) : "hit", now);
    }

    // The reason is the first one of any product. The response is collapsed if no product was requested for this request alone.
    private static string StatusOf(List<Forward> forwards, bool stored) =>
        CacheHeaders.StatusOf(new Forward(forwards.Min(forward => forward.Reason), forwards.All(forward => forward.Collapsed)), stored);
}
