using System.Text.Json;
using ZiggyCreatures.Caching.Fusion;
using ZiggyCreatures.Caching.Fusion.Serialization;

namespace ProductCache.Bench;

/// <summary>FusionCache over the Redis cache that is registered. One process: it needs no backplane.</summary>
internal static class FusionCachePeer
{
    /// <param name="memory">False: every read goes to Redis.</param>
    /// <returns>What maps the endpoint once the application is built.</returns>
    public static Action<WebApplication> Add(WebApplicationBuilder builder, PeerSettings settings, bool memory)
    {
        builder.Services.AddFusionCache()
            .WithDefaultEntryOptions(options => options
                .SetDuration(settings.MemoryTtl)
                .SetDistributedCacheDuration(settings.Ttl)
                .SetSkipMemoryCache(!memory))
            .WithSerializer(new JsonFusionSerializer())
            .WithRegisteredDistributedCache();
        return application => application.MapGet(
            "/productapp/{id:long}",
            async (long id, IFusionCache cache, PeerProducts products, CancellationToken cancellationToken) =>
            {
                var product = await cache.GetOrSetAsync<PeerProduct?>(
                    $"product:{id}",
                    async (_, cancellation) => await products.FindAsync(id, cancellation),
                    token: cancellationToken);
                return product is null ? Results.NotFound() : Results.Ok(product);
            });
    }

    /// <summary>As FusionCache's package for System.Text.Json has it; that package is not on every feed.</summary>
    private sealed class JsonFusionSerializer : IFusionCacheSerializer
    {
        public byte[] Serialize<T>(T? obj) => JsonSerializer.SerializeToUtf8Bytes(obj);

        public T? Deserialize<T>(byte[] data) => JsonSerializer.Deserialize<T>(data);

        public ValueTask<byte[]> SerializeAsync<T>(T? obj, CancellationToken token = default) => new(Serialize(obj));

        public ValueTask<T?> DeserializeAsync<T>(byte[] data, CancellationToken token = default) => new(Deserialize<T>(data));
    }
}
