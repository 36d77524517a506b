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

    /// <summary>The largest request, in bytes; librdkafka's default is 1,000,000.</summary>
    int? MessageMaxBytes { set; }

    /// <summary>Up to how many bytes a record is copied; librdkafka's default is 65,535.</summary>
    int? MessageCopyMaxBytes { set; }

    /// <summary>The largest response, in bytes; librdkafka's default is 100,000,000.</summary>
    int? ReceiveMessageMaxBytes { set; }

    /// <summary>
    /// The most requests on their way to one broker; default of a producer: 1. With more (an idempotent one takes at most 5) a produce fails where it is not known
    /// whether the record was written.
    /// </summary>
    int? MaxInFlight { set; }

    /// <summary>How often topics and brokers are looked at; default: 10 s by an endpoint, 5 min by a producer.</summary>
    TimeSpan? TopicMetadataRefreshInterval { set; }

    /// <summary>The same for a topic that has lost its leader, to begin with; librdkafka's default is 100 ms.</summary>
    TimeSpan? TopicMetadataRefreshFastInterval { set; }

    /// <summary>Whether only the topics in use are looked at; librdkafka's default is yes.</summary>
    bool? TopicMetadataRefreshSparse { set; }

    /// <summary>For how long what was seen of topics and brokers is true; librdkafka's default is 15 min.</summary>
    TimeSpan? MetadataMaxAge { set; }

    /// <summary>Patterns of topics that do not exist for the clients, separated by commas.</summary>
    string TopicBlacklist { set; }

    /// <summary>What librdkafka logs in detail, as <c>broker,topic,msg</c>.</summary>
    string Debug { set; }

    /// <summary>For how many ms the address of a broker is true; librdkafka's default is 1,000.</summary>
    int? BrokerAddressTtl { set; }

    /// <summary>Default: any.</summary>
    BrokerAddressFamily? BrokerAddressFamily { set; }

    /// <summary>Before a broker is connected to again, to begin with; librdkafka's default is 100 ms.</summary>
    TimeSpan? ReconnectBackoff { set; }

    /// <summary>The same at most; librdkafka's default is 10 s.</summary>
    TimeSpan? ReconnectBackoffMax { set; }

    /// <summary>How often statistics are given to those who have set a handler; librdkafka's default is 0, never.</summary>
    TimeSpan? StatisticsInterval { set; }

    /// <summary>Must not be set: nobody would read the queue, and it would grow.</summary>
    bool? LogQueue { set; }

    /// <summary>Whether librdkafka's log tells the thread; librdkafka's default is yes.</summary>
    bool? LogThreadName { set; }

    /// <summary>Whether a connection that a broker closes is logged; librdkafka's default is yes.</summary>
    bool? LogConnectionClose { set; }

    /// <summary>A signal that ends librdkafka's threads at once when a client is closed; librdkafka's default is none.</summary>
    int? InternalTerminationSignal { set; }

    /// <summary>Plugins of librdkafka, separated by semicolons.</summary>
    string PluginLibraryPaths { set; }

    /// <summary>Connections to brokers.</summary>
    void ConfigureSocket(Action<IKafkaSocketConfigurator> configure);

    /// <summary>How it is found out what a broker can do.</summary>
    void ConfigureApi(Action<IKafkaApiConfigurator> configure);

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
