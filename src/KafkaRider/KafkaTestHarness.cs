using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace MassTransit;

/// <summary>What a test wants of its brokers before its bus starts.</summary>
public sealed class KafkaTestHarnessOptions
{
    /// <summary>The topics of the test; default: none.</summary>
    public IReadOnlyList<string> TopicNames { get; set; } = [];

    /// <summary>Of the topics that are created; default 1.</summary>
    public int Partitions { get; set; } = 1;

    /// <summary>Of the topics that are created; default 1.</summary>
    public short Replicas { get; set; } = 1;

    /// <summary>Creates the topics that are not there; default: no.</summary>
    public bool CreateTopicsIfNotExists { get; set; }

    /// <summary>Deletes the topics with all that is in them, before they are created; default: no.</summary>
    public bool CleanTopicsOnStart { get; set; }
}

/// <summary>For tests with <c>AddMassTransitTestHarness</c>.</summary>
public static class KafkaTestHarnessExtensions
{
    /// <summary>Prepares topics on the broker at <c>localhost:9092</c>, which the rider then uses as well; call it before MassTransit is added.</summary>
    /// <exception cref="KafkaException">At the start: the broker does not answer within 10 s, or refuses.</exception>
    public static IServiceCollection ConfigureKafkaTestOptions(this IServiceCollection services, Action<KafkaTestHarnessOptions>? configure = null) =>
        services.ConfigureKafkaTestOptions(new ClientConfig { BootstrapServers = "localhost:9092" }, configure);

    /// <summary>
    /// Prepares topics on the brokers of the settings, which the rider then uses as well; call it before MassTransit is added. It also adds
    /// <see cref="ClientConfig"/> and <see cref="IAdminClient"/> of these brokers.
    /// </summary>
    /// <exception cref="KafkaException">At the start: the brokers do not answer within 10 s, or refuse.</exception>
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
