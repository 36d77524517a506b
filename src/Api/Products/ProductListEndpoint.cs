using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using MediatR;
using Microsoft.AspNetCore.WebUtilities;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <summary>
/// Lists products page by page in the order of their ids, all or those whose names contain a text. Reads PostgreSQL, not the cache.
/// <code>
/// {"items":[{"id":1,"name":"…","price":123.45,"description":"…","version":5,"self":"/api/v1/products/1"}],"next":"…"}
/// </code>
/// A row that is not a valid product is listed as <c>{"id":81,"unreadable":"…"}</c> with the reason. <c>next</c> is the cursor of the next page,
/// absent on the last page. The header Link with rel="next" has the URL of the next page.
/// </summary>
internal sealed class ProductListEndpoint(IMediator mediator, ClientLimits limits, LargeAnswers answers, ExactIds exactIds, ProductIds ids, EntryFormat format)
{
    public static readonly string[] Parameters = ["after", "limit", "q"];

    // Of a number and of a text.
    private const byte CursorFormat = 1;
    private const byte TextCursorFormat = 2;
    private const int CursorLength = 1 + sizeof(long);

    public async Task<IResult> ListAsync(HttpContext http, CancellationToken cancellationToken)
    {
        var query = http.Request.Query;
        ProductId? after = null;
        var limit = ListProductsHandler.DefaultLimit;
        string? name = null;
        if (query.Keys.Any(key => !Parameters.Contains(key)) || query.Any(parameter => parameter.Value.Count > 1))
        {
            return NotAPage("A list has the optional parameters after, limit and q, each at most once. To read products by id, send ids alone.");
        }

        if (query.TryGetValue("after", out var cursor) && !TryReadCursor(cursor.ToString(), out after))
        {
            return NotAPage("after must be the next cursor of the previous page.");
        }

        if (query.TryGetValue("limit", out var number)
            && !(int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit is >= 1 and <= ListProductsHandler.MaxLimit))
        {
            return NotAPage($"limit must be an integer from 1 to {ListProductsHandler.MaxLimit}.");
        }

        if (query.TryGetValue("q", out var part))
        {
            name = part.ToString();
            if (name.EnumerateRunes().Count() is < ListProductsHandler.MinNameLength or > ListProductsHandler.MaxNameLength || name.Any(char.IsControl))
            {
                return NotAPage(
                    $"q must have {ListProductsHandler.MinNameLength} to {ListProductsHandler.MaxNameLength} characters and no control characters.");
            }

            if (!ListProductsHandler.HasTrigram(name))
            {
                return NotAPage($"q must have at least {ListProductsHandler.MinNameLength} consecutive letters or digits.");
            }
        }

        if (IfMatchHeader.OfUntagged(http) is { } unmet)
        {
            return unmet;
        }

        // Released when the page has been sent.
        var leave = limits.List(http);
        http.Response.RegisterForDispose(leave);
        if (!leave.IsAcquired)
        {
            return Problems.RateLimitExceeded(http);
        }

        CacheHeaders.WriteNothing(http.Response.Headers, "fwd=bypass");
        ProductsPage? page;
        using (var connection = await limits.ListConnectionAsync(http, cancellationToken))
        {
            if (!connection.IsAcquired)
            {
                return Problems.RetryLater(http, Problems.TooManyRequests, "Other lists of this client use its share of the database connections. Retry later.");
            }

            page = await mediator.Send(new ListProducts(after, limit, name), cancellationToken);
        }

        if (page is null)
        {
            return Problems.RetryLater(http, Problems.StoreUnavailable, "The database did not respond in time.");
        }

        var held = answers.Hold(http);
        if (!held.TryAdd(page.Products.Sum(ListProductsHandler.LengthOf)))
        {
            return Problems.TooManyBytes(http, held.Refusal!.Value);
        }

        if (page.Products is [.., var last])
        {
            exactIds.WarnIfInexact(last.Id);
        }

        return new Page(page, limit, name, answers, ids, isBuiltIn: !format.IsMapped);
    }

    internal static string CursorOf(ProductId last)
    {
        if (!last.IsNumber)
        {
            return Base64Url.EncodeToString([TextCursorFormat, .. Encoding.UTF8.GetBytes(last.Text)]);
        }

        Span<byte> bytes = stackalloc byte[CursorLength];
        bytes[0] = CursorFormat;
        BinaryPrimitives.WriteInt64BigEndian(bytes[1..], last.Value);
        return Base64Url.EncodeToString(bytes);
    }

    internal static bool TryReadCursor(string text, out ProductId? last)
    {
        last = null;
        if (text.Length <= Base64Url.GetEncodedLength(1 + (4 * ProductId.MaxLength)) && TryDecode(text) is [TextCursorFormat, .. var name]
            && Utf8.IsValid(name) && ProductId.TryOfText(Encoding.UTF8.GetString(name), out var named) && !named.IsNumber)
        {
            last = named;
            return true;
        }

        Span<byte> bytes = stackalloc byte[CursorLength];
        if (text.Length != Base64Url.GetEncodedLength(CursorLength)
            || !Base64Url.TryDecodeFromChars(text, bytes, out var length)
            || length != CursorLength
            || bytes[0] != CursorFormat
            || BinaryPrimitives.ReadInt64BigEndian(bytes[1..]) is not (> 0 and var id))
        {
            return false;
        }

        last = new ProductId(id);
        return true;
    }

    private static byte[]? TryDecode(string text) => Base64Url.IsValid(text) ? Base64Url.DecodeFromChars(text) : null;

    private static IResult NotAPage(string detail) => Problems.Create(Problems.NotAPage, detail);

    private sealed class Page(ProductsPage page, int limit, string? name, LargeAnswers answers, ProductIds ids, bool isBuiltIn) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            var next = page.More ? CursorOf(page.Products[^1].Id) : null;
            if (next is not null)
            {
                Dictionary<string, string?> parameters = new() { ["limit"] = limit.ToString(CultureInfo.InvariantCulture), ["after"] = next, ["q"] = name };
                response.Headers.Link = $"<{QueryHelpers.AddQueryString($"{httpContext.Request.PathBase}{httpContext.Request.Path}", parameters)}>; rel=\"next\"";
            }

            response.ContentType = "application/json; charset=utf-8";
            if (HttpMethods.IsHead(httpContext.Request.Method))
            {
                return;
            }

            await using var writer = answers.Write(httpContext, ProductJson.WriterOptions);
            var json = writer.Json;
            json.WriteStartObject();
            json.WriteStartArray("items"u8);
            foreach (var product in page.Products)
            {
                if (product is { Product: null, Unreadable: null })
                {
                    continue;
                }

                WriteItem(json, product, $"{httpContext.Request.PathBase}{Routes.Products}/{product.Id}");
                if (!await writer.PartAsync())
                {
                    return;
                }
            }

            json.WriteEndArray();
            if (next is not null)
            {
                json.WriteString("next"u8, next);
            }

            json.WriteEndObject();
        }

        private void WriteItem(Utf8JsonWriter json, ListedProduct listed, string self)
        {
            json.WriteStartObject();
            if (listed.Product is not { } product)
            {
                ids.Write(json, listed.Id);
                json.WriteString("unreadable"u8, listed.Unreadable);
            }
            else if (isBuiltIn)
            {
                using var members = JsonDocument.Parse(product.Json);
                foreach (var member in members.RootElement.EnumerateObject())
                {
                    member.WriteTo(json);
                }

                json.WriteNumber("version"u8, product.Version);
            }
            else
            {
                // Its members may have any names.
                ids.Write(json, listed.Id);
                json.WriteNumber("version"u8, product.Version);
                json.WritePropertyName("product"u8);
                json.WriteRawValue(product.Json.Span, skipInputValidation: true);
            }

            // The URL has the exact id even if the client rounds the number.
            json.WriteString("self"u8, self);
            json.WriteEndObject();
        }
    }
}
