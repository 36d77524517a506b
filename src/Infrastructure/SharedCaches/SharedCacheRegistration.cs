using Microsoft.Extensions.DependencyInjection;
using ProductCache.Application;

namespace ProductCache.Infrastructure.SharedCaches;

public static class SharedCacheRegistration
{
    /// <summary>For processes that purge on request. Without shared caches nothing is registered.</summary>
    public static IServiceCollection AddSharedCaches(this IServiceCollection services, PurgeOptions options)
    {
        if (options.IsOn)
        {
            services.AddSingleton(options);
            services.AddSingleton(_ => new SharedCacheClient());
            services.AddSingleton<ISharedCaches, SharedCachePurges>();
            foreach (var kind in options.Kinds)
            {
                kind.AddCache(services);
            }
        }

        return services;
    }

    /// <summary>For Workers, which purge changes.</summary>
    public static IServiceCollection AddPurges(this IServiceCollection services, PurgeOptions options)
    {
        services.AddSharedCaches(options);
        if (options.IsOn)
        {
            services.AddSingleton<PurgeMetrics>();
            foreach (var kind in options.Kinds)
            {
                kind.AddQueue(services);
            }
        }

        return services;
    }
}
