using MediatR;
using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Api.Http;
using ProductCache.Api.Products;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Cache;

/// <summary>Operations of administrators on the cache.</summary>
internal sealed class CacheAdministration(IMediator mediator)
{
    public async Task<Results<NoContent, ProblemHttpResult>> PurgeAsync(string id, HttpContext http, CancellationToken cancellationToken)
    {
        if (!ProductId.TryParse(id, out var productId))
        {
            return ProductReadEndpoints.NotAnId();
        }

        http.Response.Headers.CacheControl = "no-store";
        return await mediator.Send(new PurgeCache(productId), cancellationToken) == PurgeCacheResult.Purged
            ? TypedResults.NoContent()
            : Problems.RetryLater(http, Problems.CacheUnavailable, "The cache did not respond. It is unknown whether the entry was removed.");
    }
}
