using Microsoft.Extensions.DependencyInjection;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Instances;
using ProductCache.Infrastructure.Kafka;
using ProductCache.Infrastructure.Mappings;
using ProductCache.Infrastructure.Postgres;
using ProductCache.Infrastructure.Redis;
using ProductCache.Infrastructure.SharedCaches;

namespace ProductCache.Infrastructure.Tools;

public static class ToolRegistration
{
    /// <summary>What the verbs of mappings need: PostgreSQL and nothing else.</summary>
    /// <exception cref="SettingsException">A setting is missing or wrong, or there is no mapping.</exception>
    public static ServiceProvider BuildMappingTools(Settings settings)
    {
        var postgres = PostgresOptions.Read(settings);
        if (postgres.Mapping.IsBuiltIn)
        {
            settings.Text(MappingSettings.Setting);
        }

        settings.ThrowIfWrong();
        return new ServiceCollection().AddMappingTools(postgres).BuildServiceProvider();
    }

    /// <summary>What the command line needs: the use cases of Apis and Workers without their background services, which start with a host only.</summary>
    /// <exception cref="SettingsException">A setting is missing or wrong.</exception>
    public static ServiceProvider BuildTools(Settings settings)
    {
        var (postgres, redis, kafka, lifetimes) = (PostgresOptions.Read(settings), RedisOptions.Read(settings), KafkaOptions.Read(settings), settings.ReadCacheLifetimes());
        var compresses = settings.ReadCompression();
        var purge = PurgeOptions.Read(settings, postgres.Mapping.IdType);
        settings.ThrowIfWrong();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddMetrics();
        services.AddServerStates();
        services.AddWorkerUseCases(lifetimes);
        services.AddOperatorUseCases();
        services.AddSharedCaches(purge);
        services.AddCompression(postgres.Mapping.Format, compresses);
        services.AddPostgresForWorkers(postgres);
        services.AddSingleton<IStoreInspection, StoreInspection>();
        if (postgres.Mapping.IsBuiltIn)
        {
            services.AddSingleton<IProductIds, ProductIds>();
        }
        else
        {
            services.AddSingleton<IProductIds, MappedCatalogue>();
        }

        services.AddSingleton<IParkedChanges, ParkedChanges>();
        services.AddRedisForWorkers(redis);
        services.AddSingleton<ICacheInspection, CacheInspection>();
        services.AddInstances();
        services.AddKafkaForReaders(kafka);
        services.AddSingleton<KafkaInspection>();
        services.AddSingleton<IConsumerLag>(provider => provider.GetRequiredService<KafkaInspection>());
        services.AddSingleton<IDeadLetters, DeadLetterBox>();
        services.AddSingleton<PostgresHealth>();
        services.AddSingleton<RedisHealth>();
        services.AddSingleton<IDiagnosis, Diagnosis>();
        return services.BuildServiceProvider();
    }
}
