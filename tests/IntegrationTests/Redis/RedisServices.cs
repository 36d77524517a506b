using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>What a process has of Redis, by its settings.</summary>
internal static class RedisServices
{
    /// <summary>Those of an Api without a near cache.</summary>
    /// <exception cref="SettingsException">A setting is wrong.</exception>
    public static ServiceProvider OfReaders(Settings settings) => Of(settings, (services, options) =>
        services.AddRedisForReaders(options, new NearCacheOptions(0, TimeSpan.FromHours(1))));

    /// <inheritdoc cref="OfReaders"/>
    public static ServiceProvider Of(Settings settings, Action<IServiceCollection, RedisOptions> add)
    {
        var options = RedisOptions.Read(settings);
        settings.ThrowIfWrong();
        var services = new ServiceCollection();
        services.AddMetrics();
        services.AddLogging(logging => logging.ClearProviders());
        services.AddSingleton(TimeProvider.System);
        add(services, options);
        return services.BuildServiceProvider();
    }
}
