using Microsoft.Extensions.Caching.Hybrid;

namespace ProductCache.Bench;

/// <summary>Microsoft's HybridCache over the Redis cache that is registered.</summary>
internal static class HybridCachePeer
{
    /// <param name="memory">False: every read goes to Redis.</param>
    /// <returns>What maps the endpoint once the application is built.</returns>
    public static Action<WebApplication> Add(WebApplicationBuilder builder, PeerSettings settings, bool memory)
    {
        builder.Services.AddHybridCache(options => options.DefaultEntryOptions = new HybridCacheEntryOptions
        {
            Expiration = settings.Ttl,
            LocalCacheExpiration = settings.MemoryTtl,
            Flags = memory ? HybridCacheEntryFlags.None : HybridCacheEntryFlags.DisableLocalCache,
        });
        return application => application.MapGet(
            "/productapp/{id:long}",
            async (long id, HybridCache cache, PeerProducts products, CancellationToken cancellationToken) =>
            {
                var product = await cache.GetOrCreateAsync(
                    $"product:{id}",
                    (id, products),
                    static (state, cancellation) => state.products.FindAsync(state.id, cancellation),
                    cancellationToken: cancellationToken);
                return product is null ? Results.NotFound() : Results.Ok(product);
            });
    }
}
