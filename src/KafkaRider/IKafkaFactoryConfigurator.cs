using Confluent.Kafka;
using MassTransit.KafkaIntegration.Serializers;

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

    /// <summary>Acknowledgements that a record needs; default: of all replicas in sync. With fewer, records can be lost and are not idempotent.</summary>
    Acks? Acks { set; }

    /// <summary>How headers are written, where a producer says nothing else.</summary>
    void SetHeadersSerializer(IHeadersSerializer serializer);

    /// <summary>How headers are read, where an endpoint says nothing else.</summary>
    void SetHeadersDeserializer(IHeadersDeserializer deserializer);

    /// <summary>How keys and values are written and read, where a producer or an endpoint says nothing else.</summary>
    void SetSerializationFactory(IKafkaSerializerFactory factory);

    /// <summary>Gets a token for SASL OAUTHBEARER when a client asks for one; it answers with the client's <c>OAuthBearerSetToken</c>.</summary>
    void OAuthBearerTokenRefreshHandler(Action<IClient, string> handler);

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
