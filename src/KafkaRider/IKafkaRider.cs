using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using MassTransit.Transports;

namespace MassTransit;

/// <summary>The Kafka rider of a bus.</summary>
public interface IKafkaRider : IRiderControl, ITopicProducerProvider, IKafkaTopicEndpointConnector
{
    /// <summary>
    /// Takes dead letters back to the topics that they came from, with the key, the value, the headers and the timestamp that they had. All
    /// groups that consume a topic get them. What the dead-letter topic gets meanwhile is left for another call.
    /// </summary>
    /// <param name="deadLetterTopic">The dead-letter topic; a letter is read once by a group, see <see cref="DeadLetterReplayOptions.GroupId"/>.</param>
    /// <param name="options">Which letters.</param>
    /// <param name="cancellationToken">Ends the replay between two letters.</param>
    /// <exception cref="KafkaException">The brokers do not answer, or do not take a record; what was taken back before is committed.</exception>
    Task<DeadLetterReplay> ReplayDeadLetters(
        string deadLetterTopic, DeadLetterReplayOptions? options = null, CancellationToken cancellationToken = default);
}

/// <summary>Adds topic endpoints while the bus runs.</summary>
public interface IKafkaTopicEndpointConnector
{
    /// <summary>Consumes a topic as a member of a group, until the handle is stopped or the bus is.</summary>
    /// <exception cref="ConfigurationException">A setting is wrong, or the group consumes the topic already.</exception>
    HostReceiveEndpointHandle ConnectTopicEndpoint<TKey, TValue>(
        string topicName, string groupId, Action<IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class;

    /// <inheritdoc cref="ConnectTopicEndpoint{TKey, TValue}(string, string, Action{IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator{TKey, TValue}})"/>
    HostReceiveEndpointHandle ConnectTopicEndpoint<TKey, TValue>(
        string topicName, ConsumerConfig consumerConfig, Action<IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class;
}

/// <summary>Shorter forms.</summary>
public static class KafkaTopicEndpointConnectorExtensions
{
    /// <summary>Consumes a topic as a member of a group, whatever the keys of its records are.</summary>
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
