using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

public static class RedisRegistration
{
    /// <summary>What readers need: the cache, leases, and the news of fills.</summary>
    public static IServiceCollection AddRedisForReaders(this IServiceCollection services, RedisOptions options)
    {
        services.AddRedis(options, RedisOptions.ReadDeadline);
        services.AddSingleton<IDistributedCache>(provider => new ReadCache(
            new RedisCache(new RedisCacheOptions
            {
                ConnectionMultiplexerFactory = () => Task.FromResult(provider.GetRequiredService<IConnectionMultiplexer>()),
            }),
            provider.GetRequiredService<RedisDeadline>()));
        services.AddSingleton<MissingProducts>();
        services.AddHostedService(provider => new FillListener(
            provider.GetRequiredService<IConnectionMultiplexer>(),
            provider.GetRequiredService<MissingProducts>().Wake,
            provider.GetRequiredService<ILogger<FillListener>>()));
        return services;
    }

    /// <summary>What Workers need: claims and fills, and the word that they are done.</summary>
    public static IServiceCollection AddRedisForWorkers(this IServiceCollection services, RedisOptions options)
    {
        services.AddRedis(options, RedisOptions.BatchDeadline);
        services.AddSingleton<IFillNotifications, FillNotifications>();
        return services;
    }

    private static void AddRedis(this IServiceCollection services, RedisOptions options, TimeSpan deadline)
    {
        services.TryAddSingleton<IConnectionMultiplexer>(provider =>
        {
            var logger = provider.GetRequiredService<ILoggerFactory>().CreateLogger("ProductCache.Redis");
            var connection = ConnectionMultiplexer.Connect(options.Connection);
            connection.ConnectionFailed += (_, lost) => RedisLog.ConnectionLost(logger, lost.EndPoint?.ToString(), lost.FailureType);
            connection.ConnectionRestored += (_, restored) => RedisLog.ConnectionRestored(logger, restored.EndPoint?.ToString());
            return connection;
        });
        services.AddSingleton(provider => new RedisDeadline(deadline, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(RedisScripts.Default);
        services.AddSingleton<IGuardedCache, GuardedCache>();
        services.AddHealthChecks().AddCheck<RedisHealth>("redis", tags: ["ready"]);
    }

    private sealed class RedisHealth(IConnectionMultiplexer redis, RedisDeadline deadline) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                await deadline.WithinAsync(redis.GetDatabase().PingAsync(), cancellationToken);
                return HealthCheckResult.Healthy();
            }
            catch (UnavailableException exception)
            {
                return HealthCheckResult.Unhealthy(exception.Message);
            }
        }
    }
}
