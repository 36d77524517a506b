using System.Globalization;
using FluentValidation;
using MediatR;
using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Api.Auth;
using ProductCache.Api.Http;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <summary>
/// The handlers that write products, and the HTTP responses to their outcomes. They respond after the commit. The change path updates
/// the caches.
/// </summary>
internal sealed class ProductWriteEndpoints(IMediator mediator, IValidator<ProductDraft> validator, ExactIds ids, TimeProvider time)
{
    public const string IdempotencyKeyHeader = "Idempotency-Key";

    /// <summary>In Cache-Status: a write does not use the cache.</summary>
    private const string Uncached = "fwd=method";

    public async Task<Results<WrittenProduct, ProblemHttpResult>> CreateAsync(HttpContext http, CancellationToken cancellationToken)
    {
        if (!TryReadKey(http, out var key))
        {
            return Problems.Create(
                Problems.NotAnIdempotencyKey, $"{IdempotencyKeyHeader} must occur once and have 1 to {IdempotencyKey.MaxLength} visible ASCII characters.");
        }

        var (bytes, unread) = await RequestBody.ReadAsync(http, RequestBody.Json, time, cancellationToken);
        if (unread is not null)
        {
            return unread;
        }

        var (draft, fault) = ProductBody.Read(bytes, id: null, isPatch: false, validator);
        if ((fault ?? IfMatchHeader.OfUntagged(http) as ProblemHttpResult) is { } problem)
        {
            return problem;
        }

        var result = await mediator.Send(new CreateProduct(draft!, key), cancellationToken);
        return result is WriteResult.Written { Product: var product } ? Created(http, product) : ProblemOf(http, result);
    }

    public Task<Results<WrittenProduct, ProblemHttpResult>> ReplaceAsync(string id, HttpContext http, CancellationToken cancellationToken) =>
        UpdateAsync(id, http, isPatch: false, cancellationToken);

    public Task<Results<WrittenProduct, ProblemHttpResult>> PatchAsync(string id, HttpContext http, CancellationToken cancellationToken) =>
        UpdateAsync(id, http, isPatch: true, cancellationToken);

    private async Task<Results<WrittenProduct, ProblemHttpResult>> UpdateAsync(string id, HttpContext http, bool isPatch, CancellationToken cancellationToken)
    {
        if (!ProductId.TryParse(id, out var productId))
        {
            return ProductReadEndpoints.NotAnId(ProductIdType.Bigint);
        }

        if (!IfMatchHeader.TryRead(http.Request.Headers, out var condition))
        {
            return IfMatchHeader.NotAPrecondition();
        }

        // A request with If-None-Match: * never writes, so it cannot overwrite a change that the client has not read.
        if (http.Request.Headers.IfMatch.Count == 0 && condition is not { IsNever: true })
        {
            return Problems.Create(
                Problems.PreconditionRequired, "If-Match is required: the ETag of the version that you have read, or * for any version.");
        }

        var (bytes, unread) = await RequestBody.ReadAsync(http, isPatch ? RequestBody.MergePatch : RequestBody.Json, time, cancellationToken);
        if (unread is not null)
        {
            return unread;
        }

        var (draft, fault) = ProductBody.Read(bytes, productId, isPatch, validator);
        if (fault is not null)
        {
            return fault;
        }

        var result = await mediator.Send(new UpdateProduct(productId, draft!, condition), cancellationToken);
        return result is WriteResult.Written { Product: var product } ? Written(http, product, StatusCodes.Status200OK) : ProblemOf(http, result);
    }

    public async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(string id, HttpContext http, CancellationToken cancellationToken)
    {
        if (!ProductId.TryParse(id, out var productId))
        {
            return ProductReadEndpoints.NotAnId(ProductIdType.Bigint);
        }

        if (!IfMatchHeader.TryRead(http.Request.Headers, out var condition))
        {
            return IfMatchHeader.NotAPrecondition();
        }

        var result = await mediator.Send(new DeleteProduct(productId, condition), cancellationToken);
        if (result is not WriteResult.Deleted)
        {
            return ProblemOf(http, result);
        }

        CacheHeaders.WriteNothing(http.Response.Headers, Uncached);
        return TypedResults.NoContent();
    }

    private WrittenProduct Created(HttpContext http, Product product)
    {
        ids.WarnIfInexact(product.Id);
        http.Response.Headers.Location = string.Create(CultureInfo.InvariantCulture, $"{http.Request.PathBase}{Routes.Products}/{product.Id}");
        return Written(http, product, StatusCodes.Status201Created);
    }

    private static WrittenProduct Written(HttpContext http, Product product, int status)
    {
        CacheHeaders.WriteNothing(http.Response.Headers, Uncached);
        http.Response.Headers.ETag = $"\"{product.Version}\"";
        return new WrittenProduct(product, status);
    }

    private static ProblemHttpResult ProblemOf(HttpContext http, WriteResult result)
    {
        CacheHeaders.WriteNothing(http.Response.Headers, Uncached);
        switch (result)
        {
            case WriteResult.Absent:
                return Problems.Create(Problems.NoSuchProduct, "The product does not exist. Nothing was written.");

            case WriteResult.OtherVersion other:
                return Problems.Create(
                    Problems.PreconditionFailed, $"The product has version {other.Current}, which does not meet If-Match or If-None-Match. Nothing was written.");

            case WriteResult.KeyReused:
                return Problems.Create(Problems.IdempotencyKeyReused, "This key was already used to create a product with different content. Nothing was written.");

            case WriteResult.Refused refused:
                return Problems.Create(Problems.RefusedByDatabase, $"The database rejected this write. Nothing was written. {refused.Reason}");

            case WriteResult.Unreadable unreadable:
                return Problems.Create(Problems.UnreadableProduct, $"The write is committed, but the product cannot be read. {unreadable.Reason}");

            default:
                var reason = (result as WriteResult.Unavailable)?.Reason;
                return Problems.RetryLater(
                    http,
                    Problems.StoreUnavailable,
                    $"{(reason is null ? "The database did not respond in time" : $"The database cannot accept writes now: {reason}")}. It is unknown whether the write was committed: repeat the request with the same If-Match or Idempotency-Key.");
        }
    }

    // The key belongs to the client, because two clients may choose the same text.
    private static bool TryReadKey(HttpContext http, out IdempotencyKey? key)
    {
        key = null;
        if (!http.Request.Headers.TryGetValue(IdempotencyKeyHeader, out var values))
        {
            return true;
        }

        if (values is not [{ Length: > 0 and <= IdempotencyKey.MaxLength } text] || text.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            return false;
        }

        key = new IdempotencyKey(ApiAuthorization.ClientOf(http) ?? string.Empty, text);
        return true;
    }

    internal sealed class WrittenProduct(Product product, int status) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = status;
            httpContext.Response.ContentType = "application/json; charset=utf-8";
            httpContext.Response.ContentLength = product.Json.Length;
            await httpContext.Response.Body.WriteAsync(product.Json, httpContext.RequestAborted);
        }
    }
}
