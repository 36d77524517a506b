using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using MediatR;
using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api;

/// <summary>The routes of products, and what their outcomes are over HTTP.</summary>
internal static class Products
{
    /// <summary>What a reader who was told to come back should let pass, in seconds.</summary>
    private const string RetryAfter = "1";

    public static void MapProducts(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/productapp/{id}", GetProduct);
        routes.MapGet("/api/v1/products/{id}", GetProduct);
    }

    private static async Task<IResult> GetProduct(
        string id, HttpContext http, IMediator mediator, TimeProvider time, ReadMetrics metrics, CancellationToken cancellationToken)
    {
        if (!ProductId.TryParse(id, out var productId))
        {
            metrics.Count("bad_id");
            return TypedResults.Problem(
                "A product id is a whole number from 1 to 9223372036854775807, in digits without sign or leading zero.",
                statusCode: StatusCodes.Status400BadRequest,
                title: "Not a product id");
        }

        var wait = Preferences.ReadWait(http.Request.Headers);
        var result = await mediator.Send(new GetProduct(productId, wait ?? TimeSpan.Zero), cancellationToken);
        switch (result)
        {
            case GetProductResult.Found found:
                metrics.Count(found.Source == EntrySource.Fill ? "filled" : "hit");
                Preferences.Applied(http.Response.Headers, found.Source == EntrySource.Fill ? wait : null);
                return new CachedBody(found.Entry, found.Source, time);

            case GetProductResult.Absent absent:
                metrics.Count("absent");
                Preferences.Applied(http.Response.Headers, absent.Source == EntrySource.Fill ? wait : null);
                CacheHeaders.Write(http.Response.Headers, absent.Entry, absent.Source, time);
                return TypedResults.Problem(
                    $"There is no product {productId}.", statusCode: StatusCodes.Status404NotFound, title: "No such product");

            case GetProductResult.Requested:
                metrics.Count("requested");
                Preferences.Applied(http.Response.Headers, wait);
                return Requested(http, productId);

            case GetProductResult.Unavailable unavailable:
                metrics.Count(unavailable.Dependency == Dependency.Cache ? "cache_unavailable" : "broker_unavailable");
                http.Response.Headers.RetryAfter = RetryAfter;
                http.Response.Headers.CacheControl = "no-store";
                return TypedResults.Problem(
                    unavailable.Dependency == Dependency.Cache
                        ? "The cache does not answer. Nothing was requested."
                        : "The product is not cached and cannot be requested now.",
                    statusCode: StatusCodes.Status503ServiceUnavailable,
                    title: "Temporarily unavailable");

            default:
                throw new InvalidOperationException($"No answer for {result.GetType().Name}.");
        }
    }

    private static JsonHttpResult<RequestedBody> Requested(HttpContext http, ProductId id)
    {
        var headers = http.Response.Headers;
        headers.Location = string.Create(CultureInfo.InvariantCulture, $"{http.Request.PathBase}{http.Request.Path}");
        headers.RetryAfter = RetryAfter;
        headers.CacheControl = "no-store";
        headers[CacheHeaders.CacheStatus] = "ProductCache; fwd=miss";
        return TypedResults.Json(
            new RequestedBody(id.Value, "requested", "The product is not cached yet and has been requested. Ask again."),
            ApiJson.Default.RequestedBody,
            statusCode: StatusCodes.Status202Accepted);
    }
}

internal sealed record RequestedBody(long Id, string Status, string Detail);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(RequestedBody))]
[JsonSerializable(typeof(RejectedBody))]
internal sealed partial class ApiJson : JsonSerializerContext;
