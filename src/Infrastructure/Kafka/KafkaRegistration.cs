using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.SharedCaches;

namespace ProductCache.Infrastructure.Kafka;

public static class KafkaRegistration
{
    /// <summary>Retries of a batch that fails for another reason than an outage. Afterwards its records are dead-lettered.</summary>
    private const int FaultRetries = 3;

    private static readonly TimeSpan FaultRetryInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>Retries while PostgreSQL or Redis is unavailable: one per second, for a day.</summary>
    private const int OutageRetries = 86_400;

    private static readonly TimeSpan OutageRetryInterval = TimeSpan.FromSeconds(1);

    /// <summary>How long a stop waits for running batches.</summary>
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    /// <summary>For the Api: the producer of fill requests.</summary>
    public static IServiceCollection AddKafkaForReaders(this IServiceCollection services, KafkaOptions options)
    {
        services.AddKafka(options, rider =>
        {
            rider.AddProducer<string, ProductRequested>(options.TopicOf(Topics.ProductRequests));
            rider.UsingKafka(options.CreateClientConfig(), (_, kafka) => kafka.Host(options.Bootstrap));
        });
        services.AddSingleton<IFillRequestPublisher, FillRequestProducer>();
        return services;
    }

    /// <summary>For Workers: the endpoints for fill requests, changes and purges, and the producer of changes.</summary>
    public static IServiceCollection AddKafkaForWorkers(this IServiceCollection services, KafkaOptions options, PurgeOptions purge)
    {
        services.AddKafka(options, rider =>
        {
            rider.AddProducer<string, ProductChanged>(options.TopicOf(Topics.ProductChanges));
            rider.AddBatchConsumer<ProductRequestedConsumer>(
                ProductRequestedConsumer.MaxBatch, ProductRequestedConsumer.BatchWait, ProductRequestedConsumer.MaxBatchesAtOnce);
            rider.AddBatchConsumer<ProductChangedConsumer>(
                ProductChangedConsumer.MaxBatch, ProductChangedConsumer.BatchWait, ProductChangedConsumer.MaxBatchesAtOnce);
            foreach (var kind in purge.Kinds)
            {
                kind.AddConsumer(rider);
            }

            rider.UsingKafka(options.CreateClientConfig(), (context, kafka) =>
            {
                kafka.Host(options.Bootstrap);
                kafka.TopicEndpoint<string, ProductRequested>(options.TopicOf(Topics.ProductRequests), ConsumerOf(options, options.Group), endpoint =>
                {
                    endpoint.TakeBatches(ProductRequestedConsumer.MaxBatch, ProductRequestedConsumer.MaxBatchesAtOnce);
                    endpoint.ConfigureConsumer<ProductRequestedConsumer>(context);
                });
                kafka.TopicEndpoint<string, ProductChanged>(options.TopicOf(Topics.ProductChanges), ConsumerOf(options, options.Group), endpoint =>
                {
                    endpoint.TakeBatches(ProductChangedConsumer.MaxBatch, ProductChangedConsumer.MaxBatchesAtOnce);
                    endpoint.ConfigureConsumer<ProductChangedConsumer>(context);
                });
                foreach (var kind in purge.Kinds)
                {
                    kind.AddEndpoint(kafka, context, options);
                }
            });
        });
        services.AddSingleton<WorkerMetrics>();
        services.AddSingleton<IChangePublisher, ProductChangeProducer>();
        return services;
    }

    internal static void AddBatchConsumer<TConsumer>(this IRiderRegistrationConfigurator rider, int limit, TimeSpan wait, int atOnce)
        where TConsumer : class, IConsumer =>
        rider.AddConsumer<TConsumer>(consumer => consumer.Options<BatchOptions>(batch => batch
            .SetMessageLimit(limit)
            .SetTimeLimit(wait)
            .SetTimeLimitStart(BatchTimeLimitStart.FromFirst)
            .SetConcurrencyLimit(atOnce)));

    internal static void TakeBatches(this IReceiveEndpointConfigurator endpoint, int limit, int atOnce)
    {
        // The rider of MassTransit passes single records on until a batch is full. This rider forms batches when it polls.
        endpoint.ConcurrentMessageLimit = limit * atOnce;
        endpoint.PrefetchCount = 2 * limit * atOnce;
        endpoint.UseMessageRetry(retry =>
        {
            retry.Handle<UnavailableException>();
            retry.Interval(OutageRetries, OutageRetryInterval);
        });
        endpoint.UseMessageRetry(retry =>
        {
            retry.Ignore<UnavailableException>();
            retry.Ignore<UnreadableProductException>();
            retry.Ignore<PurgeRefusedException>();
            retry.Interval(FaultRetries, FaultRetryInterval);
        });
    }

    private static IServiceCollection AddKafka(
        this IServiceCollection services, KafkaOptions options, Action<IRiderRegistrationConfigurator> configureRider)
    {
        if (options.CreateTopics)
        {
            services.AddHostedService<TopicCreation>();
        }

        services.TryAddSingleton(options);
        services.AddSingleton<KafkaFaults>();
        services.AddSingleton<KafkaHealth>();
        services.AddHostedService<KafkaCredentials>();
        services.AddHealthChecks().AddCheck<KafkaHealth>("kafka", tags: [ServerStates.Tag], timeout: ServerStates.CheckTimeout);
        services.AddOptions<MassTransitHostOptions>().Configure(host => host.ConsumerStopTimeout = StopTimeout);
        services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            bus.UsingInMemory();
            bus.AddRider(configureRider);
        });
        return services;
    }

    internal static ConsumerConfig ConsumerOf(KafkaOptions options, string group) => new()
    {
        GroupId = group,
        AutoOffsetReset = AutoOffsetReset.Earliest,
        SessionTimeoutMs = (int)KafkaOptions.SessionTimeout.TotalMilliseconds,
        HeartbeatIntervalMs = (int)KafkaOptions.SessionTimeout.TotalMilliseconds / 3,
        FetchWaitMaxMs = (int)options.FetchWait.TotalMilliseconds,
        TopicMetadataRefreshIntervalMs = 10_000,
    };
}
