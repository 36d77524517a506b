using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using MassTransit.Transports;

namespace MassTransit;

/// <summary>The Kafka rider of a bus.</summary>
public interface IKafkaRider : IRiderControl, ITopicProducerProvider, IKafkaTopicEndpointConnector
{
    /// <summary>
    /// Produces dead letters to the topics that they came from again, with their original key, value, headers and timestamp. All groups that
    /// consume a topic receive them. Letters that arrive during the replay are left to the next call.
    /// </summary>
    /// <param name="deadLetterTopic">The dead-letter topic. Each group replays a letter once, see <see cref="DeadLetterReplayOptions.GroupId"/>.</param>
    /// <param name="options">Which letters; null: all.</param>
    /// <param name="cancellationToken">Ends the replay after the current letter.</param>
    /// <exception cref="KafkaException">The brokers do not answer, or reject a record. The letters that were replayed before are committed.</exception>
    Task<DeadLetterReplay> ReplayDeadLetters(
        string deadLetterTopic, DeadLetterReplayOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Replaces all clients by new ones: for a password that has changed, and for files of certificates, which a client reads only when it is
    /// created. Consumers finish and commit what they have and join their group again; producers deliver what they have.
    /// </summary>
    /// <param name="change">Changes the shared settings first; null: they stay.</param>
    void Reconnect(Action<ClientConfig>? change = null);
}

/// <summary>Adds topic endpoints while the bus runs.</summary>
public interface IKafkaTopicEndpointConnector
{
    /// <summary>Consumes a topic as a member of a group, until the handle or the bus is stopped.</summary>
    /// <exception cref="ConfigurationException">A setting is invalid, or the group consumes the topic already.</exception>
    HostReceiveEndpointHandle ConnectTopicEndpoint<TKey, TValue>(
        string topicName, string groupId, Action<IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class;

    /// <inheritdoc cref="ConnectTopicEndpoint{TKey, TValue}(string, string, Action{IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator{TKey, TValue}})"/>
    HostReceiveEndpointHandle ConnectTopicEndpoint<TKey, TValue>(
        string topicName, ConsumerConfig consumerConfig, Action<IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class;
}

/// <summary>Shorter overloads.</summary>
public static class KafkaTopicEndpointConnectorExtensions
{
    /// <summary>Consumes a topic as a member of a group and ignores the keys of its records.</summary>
    public static HostReceiveEndpointHandle ConnectTopicEndpoint<TValue>(
        this IKafkaTopicEndpointConnector connector,
        string topicName,
        string groupId,
        Action<IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator<Ignore, TValue>> configure)
        where TValue : class => connector.ConnectTopicEndpoint(topicName, groupId, configure);

    /// <inheritdoc cref="ConnectTopicEndpoint{TValue}(IKafkaTopicEndpointConnector, string, string, Action{IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator{Ignore, TValue}})"/>
    public static HostReceiveEndpointHandle ConnectTopicEndpoint<TValue>(
        this IKafkaTopicEndpointConnector connector,
        string topicName,
        ConsumerConfig consumerConfig,
        Action<IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator<Ignore, TValue>> configure)
        where TValue : class => connector.ConnectTopicEndpoint(topicName, consumerConfig, configure);
}
