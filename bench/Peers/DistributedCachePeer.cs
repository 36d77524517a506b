using System.Text.Json;
using Microsoft.Extensions.Caching.Distributed;

namespace ProductCache.Bench;

/// <summary>
/// Cache-aside by hand on <see cref="IDistributedCache"/>. It keeps the JSON that it answers, so that a hit neither
/// deserializes nor serializes: the fastest way to write it.
/// </summary>
internal static class DistributedCachePeer
{
    public static void Map(WebApplication application, PeerSettings settings)
    {
        var lifetime = new DistributedCacheEntryOptions { AbsoluteExpirationRelativeToNow = settings.Ttl };
        application.MapGet(
            "/productapp/{id:long}",
            async (long id, IDistributedCache cache, PeerProducts products, CancellationToken cancellationToken) =>
            {
                var key = $"product:{id}";
                var json = await cache.GetAsync(key, cancellationToken);
                if (json is null)
                {
                    if (await products.FindAsync(id, cancellationToken) is not { } product)
                    {
                        return Results.NotFound();
                    }

                    json = JsonSerializer.SerializeToUtf8Bytes(product, PeerJson.Default.PeerProduct);
                    await cache.SetAsync(key, json, lifetime, cancellationToken);
                }

                return Results.Bytes(json, "application/json; charset=utf-8");
            });
    }
}
