using System.Globalization;
using FluentValidation;
using MediatR;
using ProductCache.Api.Auth;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Api.OpenApi;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <summary>
/// The routes that write, and what their outcomes are over HTTP. An answer comes after the commit; the change path brings it to
/// the caches.
/// </summary>
internal sealed class ProductWriteEndpoints(IMediator mediator, IValidator<ProductDraft> validator, ClientLimits limits, ExactIds ids, WriteMetrics metrics, TimeProvider time)
{
    public const string IdempotencyKeyHeader = "Idempotency-Key";

    public const string Collection = "/api/v1/products";
    private const string Item = $"{Collection}/{{id}}";

    public void Map(IEndpointRouteBuilder routes)
    {
        var writes = routes.MapGroup(string.Empty).AddEndpointFilter(metrics).AddEndpointFilter(LimitAsync).RequireWrite();
        writes.MapPost(Collection, CreateAsync).Describe(Operations.CreateProduct);
        writes.MapPut(Item, (string id, HttpContext http, CancellationToken token) => UpdateAsync(id, http, isPatch: false, token))
            .Describe(Operations.ReplaceProduct);
        writes.MapPatch(Item, (string id, HttpContext http, CancellationToken token) => UpdateAsync(id, http, isPatch: true, token))
            .Describe(Operations.PatchProduct);
        writes.MapDelete(Item, DeleteAsync).Describe(Operations.DeleteProduct);
    }

    // Held until the handler is done with PostgreSQL.
    private async ValueTask<object?> LimitAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        using var leave = limits.Write(context.HttpContext);
        return leave.IsAcquired ? await next(context) : Problems.TooManyRequestsOf(context.HttpContext);
    }

    private async Task<IResult> CreateAsync(HttpContext http, CancellationToken cancellationToken)
    {
        if (!TryReadKey(http, out var key))
        {
            return Problems.Create(
                Problems.NotAnIdempotencyKey, $"{IdempotencyKeyHeader} has 1 to {IdempotencyKey.MaxLength} visible ASCII characters, once.");
        }

        var (bytes, unread) = await RequestBody.ReadAsync(http, RequestBody.Json, time, cancellationToken);
        if (unread is not null)
        {
            return unread;
        }

        var (draft, fault) = ProductBody.Read(bytes, id: null, isPatch: false, validator);
        return fault ?? IfMatchHeader.OfUntagged(http) ?? Answer(http, await mediator.Send(new CreateProduct(draft!, key), cancellationToken), isNew: true);
    }

    private async Task<IResult> UpdateAsync(string id, HttpContext http, bool isPatch, CancellationToken cancellationToken)
    {
        if (!ProductId.TryParse(id, out var productId))
        {
            return ProductReadEndpoints.NotAnId();
        }

        if (!IfMatchHeader.TryRead(http.Request.Headers, out var condition))
        {
            return IfMatchHeader.NotAPrecondition();
        }

        // If-None-Match: * never writes, so it cannot overwrite a change that the client has not seen.
        if (http.Request.Headers.IfMatch.Count == 0 && condition is not { IsNever: true })
        {
            return Problems.Create(
                Problems.PreconditionRequired, "Name the version that you have seen (its ETag) in If-Match, so that no other change is lost; or send * for any version.");
        }

        var (bytes, unread) = await RequestBody.ReadAsync(http, isPatch ? RequestBody.MergePatch : RequestBody.Json, time, cancellationToken);
        if (unread is not null)
        {
            return unread;
        }

        var (draft, fault) = ProductBody.Read(bytes, productId, isPatch, validator);
        return fault ?? Answer(http, await mediator.Send(new UpdateProduct(productId, draft!, condition), cancellationToken));
    }

    private async Task<IResult> DeleteAsync(string id, HttpContext http, CancellationToken cancellationToken)
    {
        if (!ProductId.TryParse(id, out var productId))
        {
            return ProductReadEndpoints.NotAnId();
        }

        return IfMatchHeader.TryRead(http.Request.Headers, out var condition)
            ? Answer(http, await mediator.Send(new DeleteProduct(productId, condition), cancellationToken))
            : IfMatchHeader.NotAPrecondition();
    }

    private IResult Answer(HttpContext http, WriteResult result, bool isNew = false)
    {
        CacheHeaders.WriteNothing(http.Response.Headers, "fwd=method");
        switch (result)
        {
            case WriteResult.Written { Product: var product }:
                if (isNew)
                {
                    ids.Meet(product.Id);
                    http.Response.Headers.Location = string.Create(CultureInfo.InvariantCulture, $"{http.Request.PathBase}{Collection}/{product.Id}");
                }

                http.Response.Headers.ETag = $"\"{product.Version}\"";
                return new WrittenProduct(product, isNew ? StatusCodes.Status201Created : StatusCodes.Status200OK);

            case WriteResult.Deleted:
                return TypedResults.NoContent();

            case WriteResult.Absent:
                return Problems.Create(Problems.NoSuchProduct, "There is no such product. Nothing was written.");

            case WriteResult.OtherVersion other:
                return Problems.Create(
                    Problems.PreconditionFailed, $"The product has version {other.Current}, which does not meet If-Match or If-None-Match. Nothing was written.");

            case WriteResult.KeyReused:
                return Problems.Create(Problems.IdempotencyKeyReused, "This key was used to create another product. Nothing was written.");

            case WriteResult.Refused refused:
                return Problems.Create(Problems.RefusedByDatabase, $"The database refuses this write. Nothing was written. {refused.Reason}");

            case WriteResult.Unreadable unreadable:
                return Problems.Create(Problems.UnreadableProduct, $"The write is committed, but the product cannot be read. {unreadable.Reason}");

            default:
                var reason = (result as WriteResult.Unavailable)?.Reason;
                return Problems.RetryLater(
                    http,
                    Problems.StoreUnavailable,
                    $"{(reason is null ? "The database did not answer in time" : $"The database cannot write now: {reason}")}. Whether it has written is not known: repeat the request with the same If-Match or Idempotency-Key.");
        }
    }

    // Beside the client: two of them may use the same words.
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

    private sealed class WrittenProduct(Product product, int status) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            using var body = new MemoryStream();
            ProductJson.Write(body, product);
            httpContext.Response.StatusCode = status;
            httpContext.Response.ContentType = "application/json; charset=utf-8";
            httpContext.Response.ContentLength = body.Length;
            await httpContext.Response.Body.WriteAsync(body.GetBuffer().AsMemory(0, (int)body.Length), httpContext.RequestAborted);
        }
    }
}
