using MediatR;
using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Api.Http;
using ProductCache.Api.Products;
using ProductCache.Application;

namespace ProductCache.Api.Cache;

/// <summary>Operations of administrators on the cache.</summary>
internal sealed class CacheAdministration(IMediator mediator, ProductIds ids)
{
    public async Task<Results<NoContent, ProblemHttpResult>> PurgeAsync(string id, HttpContext http, CancellationToken cancellationToken)
    {
        if (!ids.TryReadPath(http, id, out var productId))
        {
            return ProductReadEndpoints.NotAnId(ids.Type);
        }

        http.Response.Headers.CacheControl = "no-store";
        return await mediator.Send(new PurgeCache(productId), cancellationToken) switch
        {
            PurgeCacheResult.Purged => TypedResults.NoContent(),
            PurgeCacheResult.NotPurgedInFront => Problems.RetryLater(
                http, Problems.CacheUnavailable, "The product was removed from Redis, but a cache in front of the service did not acknowledge its purge."),
            _ => Problems.RetryLater(http, Problems.CacheUnavailable, "The cache did not respond. It is unknown whether the entry was removed."),
        };
    }
}
