using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Contracts;
using ProductCache.Infrastructure.Kafka;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>A shared cache that the settings name. Each kind has a consumer group of its own, so that one that is down does not hold back the others.</summary>
internal abstract class SharedCacheKind(string name)
{
    public string Name { get; } = name;

    /// <summary>Registers the cache.</summary>
    public abstract void AddCache(IServiceCollection services);

    /// <summary>Registers the queue of a Worker.</summary>
    public abstract void AddQueue(IServiceCollection services);

    public abstract void AddConsumer(IRiderRegistrationConfigurator rider);

    public abstract void AddEndpoint(IKafkaFactoryConfigurator kafka, IRiderRegistrationContext context, KafkaOptions options);

    /// <summary>The consumer group of the endpoint.</summary>
    public string GroupOf(KafkaOptions options) => $"{options.Group}-purge-{Name}";
}

/// <inheritdoc cref="SharedCacheKind"/>
internal sealed class SharedCacheKind<TCache>(string name, Func<SharedCacheClient, TimeProvider, TCache> create) : SharedCacheKind(name)
    where TCache : SharedCache
{
    public override void AddCache(IServiceCollection services)
    {
        services.AddSingleton(provider => create(provider.GetRequiredService<SharedCacheClient>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<SharedCache>(provider => provider.GetRequiredService<TCache>());
    }

    public override void AddQueue(IServiceCollection services)
    {
        services.AddSingleton<PurgeQueue<TCache>>();
        services.AddSingleton<PurgeQueue>(provider => provider.GetRequiredService<PurgeQueue<TCache>>());
        services.AddHostedService(provider => provider.GetRequiredService<PurgeQueue<TCache>>());
    }

    public override void AddConsumer(IRiderRegistrationConfigurator rider) => rider.AddBatchConsumer<ProductPurgeConsumer<TCache>>(
        ProductPurgeConsumer<TCache>.MaxBatch, ProductChangedConsumer.BatchWait, ProductPurgeConsumer<TCache>.MaxBatchesAtOnce);

    public override void AddEndpoint(IKafkaFactoryConfigurator kafka, IRiderRegistrationContext context, KafkaOptions options) =>
        kafka.TopicEndpoint<string, ProductChanged>(options.TopicOf(Topics.ProductChanges), KafkaRegistration.ConsumerOf(options, GroupOf(options)), endpoint =>
        {
            endpoint.TakeBatches(ProductPurgeConsumer<TCache>.MaxBatch, ProductPurgeConsumer<TCache>.MaxBatchesAtOnce);
            endpoint.ConfigureConsumer<ProductPurgeConsumer<TCache>>(context);
        });
}
