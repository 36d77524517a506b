using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace MassTransit;

/// <summary>The topics that a test prepares before its bus starts.</summary>
public sealed class KafkaTestHarnessOptions
{
    /// <summary>The names of the topics; default: an empty list.</summary>
    public IReadOnlyList<string> TopicNames { get; set; } = [];

    /// <summary>The number of partitions of the topics that are created; default 1.</summary>
    public int Partitions { get; set; } = 1;

    /// <summary>The replication factor of the topics that are created; default 1.</summary>
    public short Replicas { get; set; } = 1;

    /// <summary>Whether missing topics are created; default: false.</summary>
    public bool CreateTopicsIfNotExists { get; set; }

    /// <summary>Whether the topics are deleted with their records before they are created; default: false.</summary>
    public bool CleanTopicsOnStart { get; set; }
}

/// <summary>Support for tests with <c>AddMassTransitTestHarness</c>.</summary>
public static class KafkaTestHarnessExtensions
{
    /// <summary>Prepares topics on the broker at <c>localhost:9092</c>, which the rider then uses too. Call it before MassTransit is added.</summary>
    /// <exception cref="KafkaException">Thrown at the start: the broker does not answer within 10 s, or rejects the request.</exception>
    public static IServiceCollection ConfigureKafkaTestOptions(this IServiceCollection services, Action<KafkaTestHarnessOptions>? configure = null) =>
        services.ConfigureKafkaTestOptions(new ClientConfig { BootstrapServers = "localhost:9092" }, configure);

    /// <summary>
    /// Prepares topics on the given brokers, which the rider then uses too. Call it before MassTransit is added. It also registers the
    /// <see cref="ClientConfig"/> and an <see cref="IAdminClient"/> of these brokers.
    /// </summary>
    /// <exception cref="KafkaException">Thrown at the start: the brokers do not answer within 10 s, or reject the request.</exception>
    public static IServiceCollection ConfigureKafkaTestOptions(
        this IServiceCollection services, ClientConfig clientConfig, Action<KafkaTestHarnessOptions>? configure = null)
    {
        var options = new KafkaTestHarnessOptions();
        configure?.Invoke(options);
        services.TryAddSingleton(clientConfig);
        services.TryAddSingleton(_ => new AdminClientBuilder(new Dictionary<string, string>(clientConfig)).SetLogHandler((_, _) => { }).Build());
        return services.AddHostedService(provider => new TestTopicsService(
            provider.GetRequiredService<IAdminClient>(), options, provider.GetService<TimeProvider>() ?? TimeProvider.System));
    }

    /// <summary>A producer in the scope of the harness.</summary>
    public static ITopicProducer<T> GetProducer<T>(this ITestHarness harness)
        where T : class => harness.Scope.ServiceProvider.GetRequiredService<ITopicProducer<T>>();

    /// <inheritdoc cref="GetProducer{T}"/>
    public static ITopicProducer<TKey, T> GetProducer<TKey, T>(this ITestHarness harness)
        where T : class => harness.Scope.ServiceProvider.GetRequiredService<ITopicProducer<TKey, T>>();
}
