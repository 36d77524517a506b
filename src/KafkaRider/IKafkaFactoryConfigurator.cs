using Confluent.Kafka;

namespace MassTransit;

/// <summary>
/// Configures the rider: its brokers, its topic endpoints, and what all that is produced passes through
/// (<c>ConfigureSend</c>, <c>UseSendFilter</c>).
/// </summary>
public interface IKafkaFactoryConfigurator : IRiderFactoryConfigurator, ISendObserverConnector, ISendPipelineConfigurator
{
    /// <summary>Of all clients.</summary>
    string ClientId { set; }

    /// <summary>Where this process runs, so that it may read from a replica nearby.</summary>
    string ClientRack { set; }

    /// <summary>How brokers are talked to; <c>UseSsl</c> and <c>UseSasl</c> choose it by themselves.</summary>
    SecurityProtocol? SecurityProtocol { set; }

    /// <summary>Names the brokers to ask first, each as <c>host:port</c>, and how to talk to them; at most once.</summary>
    void Host(IReadOnlyList<string> servers, Action<IKafkaHostConfigurator>? configure = null);

    /// <summary>Consumes a topic as a member of a group.</summary>
    void TopicEndpoint<TKey, TValue>(
        string topicName, string groupId, Action<IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class;

    /// <summary>
    /// Consumes a topic with the given settings, in librdkafka's terms; <see cref="ConsumerConfig.GroupId"/> is needed.
    /// Commits are the rider's own business: <see cref="ConsumerConfig.EnableAutoCommit"/> is always off.
    /// </summary>
    void TopicEndpoint<TKey, TValue>(
        string topicName, ConsumerConfig consumerConfig, Action<IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class;
}

/// <summary>Shorter forms.</summary>
public static class KafkaFactoryConfiguratorExtensions
{
    /// <summary>Names the brokers to ask first, as <c>host:port</c>, separated by commas, and how to talk to them.</summary>
    public static void Host(this IKafkaFactoryConfigurator configurator, string server, Action<IKafkaHostConfigurator>? configure = null) =>
        configurator.Host(server.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), configure);

    /// <summary>Consumes a topic as a member of a group, whatever the keys of its records are.</summary>
    public static void TopicEndpoint<TValue>(
        this IKafkaFactoryConfigurator configurator,
        string topicName,
        string groupId,
        Action<IKafkaTopicReceiveEndpointConfigurator<Ignore, TValue>> configure)
        where TValue : class => configurator.TopicEndpoint<Ignore, TValue>(topicName, groupId, configure);

    /// <inheritdoc cref="IKafkaFactoryConfigurator.TopicEndpoint{TKey, TValue}(string, ConsumerConfig, Action{IKafkaTopicReceiveEndpointConfigurator{TKey, TValue}})"/>
    public static void TopicEndpoint<TValue>(
        this IKafkaFactoryConfigurator configurator,
        string topicName,
        ConsumerConfig consumerConfig,
        Action<IKafkaTopicReceiveEndpointConfigurator<Ignore, TValue>> configure)
        where TValue : class => configurator.TopicEndpoint<Ignore, TValue>(topicName, consumerConfig, configure);
}

/// <summary>
/// Configures a topic endpoint. Records of one key are handled in order; records of different keys side by side, up to
/// <see cref="IReceiveEndpointConfigurator.ConcurrentMessageLimit"/> (default 1). Polling pauses while
/// <see cref="IReceiveEndpointConfigurator.PrefetchCount"/> (default 1,000) records are in flight.
/// </summary>
public interface IKafkaTopicReceiveEndpointConfigurator : IReceiveEndpointConfigurator
{
    /// <summary>Where to start in a partition without a committed offset; librdkafka's default is the end.</summary>
    AutoOffsetReset? AutoOffsetReset { set; }

    /// <summary>How late a commit may be after the record it is for: 10 ms to 1 hour, default 1 s.</summary>
    TimeSpan CheckpointInterval { set; }

    /// <summary>After how many finished records a commit is made even earlier: 1 to 65,535, default 100.</summary>
    ushort CheckpointMessageCount { set; }

    /// <summary>After how long without a heartbeat the group takes the partitions away; librdkafka's default is 45 s.</summary>
    TimeSpan? SessionTimeout { set; }
}

/// <inheritdoc cref="IKafkaTopicReceiveEndpointConfigurator"/>
public interface IKafkaTopicReceiveEndpointConfigurator<TKey, TValue> : IKafkaTopicReceiveEndpointConfigurator
    where TValue : class;
