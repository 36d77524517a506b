using System.Diagnostics.Metrics;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

public static class RedisRegistration
{
    /// <summary>For the Api: the near cache, the cache (whose reads create the copies), leases, and the listener for notifications.</summary>
    public static IServiceCollection AddRedisForReaders(this IServiceCollection services, RedisOptions options, NearCacheOptions nearCache)
    {
        services.AddRedis(options, RedisOptions.ReadTimeout);
        services.AddSingleton(provider => new NearCache(
            new ReadOnlyRedisCache(
                new RedisCache(new RedisCacheOptions
                {
                    ConnectionMultiplexerFactory = () => Task.FromResult(provider.GetRequiredService<IConnectionMultiplexer>()),
                    InstanceName = options.Names.KeyPrefix,
                }),
                provider.GetRequiredService<RedisTimeout>(),
                provider.GetService<EntryFormat>()),
            nearCache,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<IMeterFactory>(),
            provider.GetRequiredService<RedisClock>()));
        services.AddSingleton<RedisClock>();
        services.AddSingleton<ICacheClock>(provider => provider.GetRequiredService<RedisClock>());
        services.AddSingleton<INearCache>(provider => provider.GetRequiredService<NearCache>());
        services.AddSingleton<IDistributedCache>(provider => provider.GetRequiredService<NearCache>());
        services.AddSingleton(provider => new ProductEvents(provider.GetRequiredService<TimeProvider>(), NotificationSequence.MaxSilence));
        services.AddHostedService<NotificationListener>();
        return services;
    }

    /// <summary>For Workers: claims, fills, refreshes and notifications.</summary>
    public static IServiceCollection AddRedisForWorkers(this IServiceCollection services, RedisOptions options)
    {
        services.AddRedis(options, RedisOptions.BatchTimeout);
        services.AddSingleton<ICacheAudit, CacheAudit>();
        return services;
    }

    private static void AddRedis(this IServiceCollection services, RedisOptions options, TimeSpan timeout)
    {
        services.TryAddSingleton<IConnectionMultiplexer>(provider =>
        {
            var logger = provider.GetRequiredService<ILoggerFactory>().CreateLogger("ProductCache.Redis");
            var faults = provider.GetRequiredService<RedisFaults>();
            var connection = ConnectionMultiplexer.Connect(options.Connection);
            connection.ConnectionFailed += (_, lost) =>
            {
                faults.Failed(lost.Exception);
                RedisLog.ConnectionLost(logger, lost.EndPoint?.ToString(), lost.FailureType);
            };
            connection.ConnectionRestored += (_, restored) =>
            {
                faults.Restored();
                RedisLog.ConnectionRestored(logger, restored.EndPoint?.ToString());
            };
            return connection;
        });
        services.AddSingleton(provider => new RedisTimeout(
            timeout, provider.GetRequiredService<TimeProvider>(), provider.GetService<ILogger<RedisTimeout>>()));
        services.AddSingleton(options.Names);
        services.AddSingleton(provider => new RedisFaults(options, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(RedisScripts.Default);
        services.AddSingleton<IGuardedCache, GuardedCache>();
        services.AddSingleton<CacheNotifications>();
        services.AddSingleton<ICacheNotifications>(provider => provider.GetRequiredService<CacheNotifications>());
        services.AddHealthChecks().AddCheck<RedisHealth>("redis", tags: ["ready", ServerStates.Tag]);
    }
}
