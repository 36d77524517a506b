using Npgsql;
using StackExchange.Redis;

namespace ProductCache.Bench;

/// <summary>
/// What the service is measured beside. Each peer is a minimal API in a process of its own that answers
/// <c>GET /productapp/{id}/</c>, written as the documentation of its library shows.
/// </summary>
internal static class Peers
{
    /// <summary>Answers a fixed body from memory: the most that Kestrel can do on this machine.</summary>
    public const string Kestrel = "kestrel";

    /// <summary>Answers the bytes of one Redis GET: the most that a cache in Redis can do.</summary>
    public const string RawRedis = "redis";

    /// <summary>No cache: one SELECT for every request.</summary>
    public const string Sql = "sql";

    /// <summary>Cache-aside written by hand on <c>IDistributedCache</c>.</summary>
    public const string Distributed = "distributed";

    /// <summary>HybridCache with memory and Redis.</summary>
    public const string Hybrid = "hybrid";

    /// <summary>HybridCache with its memory level off.</summary>
    public const string HybridRedisOnly = "hybrid-redis";

    /// <summary>FusionCache with memory and Redis.</summary>
    public const string Fusion = "fusion";

    /// <summary>FusionCache with its memory level off.</summary>
    public const string FusionRedisOnly = "fusion-redis";

    /// <summary>The key of the body that <see cref="RawRedis"/> answers.</summary>
    public static string RawKey(long id) => $"bench:raw:{id}";

    /// <summary>Runs one peer until the process is stopped.</summary>
    public static async Task RunAsync(string peer, int port)
    {
        var settings = PeerSettings.FromEnvironment();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.ListenAnyIP(port);
        });
        builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, PeerJson.Default));
        builder.Services.AddSingleton(NpgsqlDataSource.Create(settings.Postgres));
        builder.Services.AddSingleton<PeerProducts>();
        builder.Services.AddStackExchangeRedisCache(options =>
        {
            options.Configuration = settings.Redis;
            options.InstanceName = $"{peer}:";
        });

        await using var redis = await ConnectionMultiplexer.ConnectAsync(settings.Redis);
        Action<WebApplication> map = peer switch
        {
            Kestrel => BarePeers.MapFixedBody,
            RawRedis => application => BarePeers.MapRedis(application, redis.GetDatabase()),
            Sql => BarePeers.MapSql,
            Distributed => application => DistributedCachePeer.Map(application, settings),
            Hybrid => HybridCachePeer.Add(builder, settings, memory: true),
            HybridRedisOnly => HybridCachePeer.Add(builder, settings, memory: false),
            Fusion => FusionCachePeer.Add(builder, settings, memory: true),
            FusionRedisOnly => FusionCachePeer.Add(builder, settings, memory: false),
            _ => throw new ArgumentException($"There is no peer {peer}.", nameof(peer)),
        };
        await using var application = builder.Build();
        map(application);
        await application.RunAsync();
    }
}
