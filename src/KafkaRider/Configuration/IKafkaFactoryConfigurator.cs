using Confluent.Kafka;
using MassTransit.KafkaIntegration.Serializers;

namespace MassTransit;

/// <summary>
/// Configures the rider: its brokers, its topic endpoints, and the pipe of everything that is produced (<c>ConfigureSend</c>,
/// <c>UseSendFilter</c>).
/// </summary>
public interface IKafkaFactoryConfigurator : IRiderFactoryConfigurator, ISendObserverConnector, ISendPipelineConfigurator
{
    /// <summary>The client id of all clients.</summary>
    string ClientId { set; }

    /// <summary>The rack of this process. With it, consumers may read from a replica nearby.</summary>
    string ClientRack { set; }

    /// <summary>The protocol of all connections. <c>UseSsl</c> and <c>UseSasl</c> set it if it is not set.</summary>
    SecurityProtocol? SecurityProtocol { set; }

    /// <summary>The acknowledgements that a record needs; default: all in-sync replicas. With fewer, records can be lost and the producer is not idempotent.</summary>
    Acks? Acks { set; }

    /// <summary>The largest request, in bytes; librdkafka's default is 1,000,000.</summary>
    int? MessageMaxBytes { set; }

    /// <summary>The largest record that is copied rather than referenced, in bytes; librdkafka's default is 65,535.</summary>
    int? MessageCopyMaxBytes { set; }

    /// <summary>The largest response, in bytes; librdkafka's default is 100,000,000.</summary>
    int? ReceiveMessageMaxBytes { set; }

    /// <summary>
    /// The largest number of requests on their way to one broker; the default of a producer is 1. An idempotent producer takes at most 5. With more
    /// than 1 a produce fails if it is not known whether the record was written.
    /// </summary>
    int? MaxInFlight { set; }

    /// <summary>The interval at which the metadata of topics and brokers are refreshed; default: 10 s for an endpoint, 5 min for a producer.</summary>
    TimeSpan? TopicMetadataRefreshInterval { set; }

    /// <summary>The first such interval for a topic that has lost its leader; librdkafka's default is 100 ms.</summary>
    TimeSpan? TopicMetadataRefreshFastInterval { set; }

    /// <summary>Whether only metadata of the topics in use are read; librdkafka's default is true.</summary>
    bool? TopicMetadataRefreshSparse { set; }

    /// <summary>How long metadata of topics and brokers are valid; librdkafka's default is 15 min.</summary>
    TimeSpan? MetadataMaxAge { set; }

    /// <summary>Regular expressions of topics that the clients ignore, separated by commas.</summary>
    string TopicBlacklist { set; }

    /// <summary>What librdkafka logs in detail, for example <c>broker,topic,msg</c>.</summary>
    string Debug { set; }

    /// <summary>How long the resolved address of a broker is valid, in milliseconds; librdkafka's default is 1,000.</summary>
    int? BrokerAddressTtl { set; }

    /// <summary>IPv4, IPv6 or any; default: any.</summary>
    BrokerAddressFamily? BrokerAddressFamily { set; }

    /// <summary>The first delay before a broker is connected to again; librdkafka's default is 100 ms.</summary>
    TimeSpan? ReconnectBackoff { set; }

    /// <summary>The longest such delay; librdkafka's default is 10 s.</summary>
    TimeSpan? ReconnectBackoffMax { set; }

    /// <summary>The interval of the statistics handlers; librdkafka's default is 0, which means never.</summary>
    TimeSpan? StatisticsInterval { set; }

    /// <summary>Must not be true: the rider does not read the queue, and it would grow.</summary>
    bool? LogQueue { set; }

    /// <summary>Whether librdkafka's log names the thread; librdkafka's default is true.</summary>
    bool? LogThreadName { set; }

    /// <summary>Whether a connection that a broker closes is logged; librdkafka's default is true.</summary>
    bool? LogConnectionClose { set; }

    /// <summary>The signal that ends librdkafka's threads at once when a client is closed; librdkafka sets none by default.</summary>
    int? InternalTerminationSignal { set; }

    /// <summary>Paths of librdkafka's plugins, separated by semicolons.</summary>
    string PluginLibraryPaths { set; }

    /// <summary>Configures the connections to brokers.</summary>
    void ConfigureSocket(Action<IKafkaSocketConfigurator> configure);

    /// <summary>Configures how a client finds out which protocol versions a broker supports.</summary>
    void ConfigureApi(Action<IKafkaApiConfigurator> configure);

    /// <summary>Writes the headers of records, unless a producer has a serializer of its own.</summary>
    void SetHeadersSerializer(IHeadersSerializer serializer);

    /// <summary>Reads the headers of records, unless an endpoint has a deserializer of its own.</summary>
    void SetHeadersDeserializer(IHeadersDeserializer deserializer);

    /// <summary>Writes and reads keys and values, unless a producer or an endpoint has a serializer of its own.</summary>
    void SetSerializationFactory(IKafkaSerializerFactory factory);

    /// <summary>Called when a client needs a token for SASL OAUTHBEARER. The handler passes it to the client's <c>OAuthBearerSetToken</c>.</summary>
    void OAuthBearerTokenRefreshHandler(Action<IClient, string> handler);

    /// <summary>Sets the bootstrap brokers, each as <c>host:port</c>, and how to connect to them. May be called once.</summary>
    void Host(IReadOnlyList<string> servers, Action<IKafkaHostConfigurator>? configure = null);

    /// <summary>Consumes a topic as a member of a group.</summary>
    void TopicEndpoint<TKey, TValue>(
        string topicName, string groupId, Action<IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class;

    /// <summary>
    /// Consumes a topic with the given librdkafka settings; <see cref="ConsumerConfig.GroupId"/> is required. The rider commits:
    /// <see cref="ConsumerConfig.EnableAutoCommit"/> is always off.
    /// </summary>
    void TopicEndpoint<TKey, TValue>(
        string topicName, ConsumerConfig consumerConfig, Action<IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class;
}

/// <summary>Shorter overloads.</summary>
public static class KafkaFactoryConfiguratorExtensions
{
    /// <summary>Sets the bootstrap brokers, as <c>host:port</c>, separated by commas, and how to connect to them. May be called once.</summary>
    public static void Host(this IKafkaFactoryConfigurator configurator, string server, Action<IKafkaHostConfigurator>? configure = null) =>
        configurator.Host(server.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), configure);

    /// <summary>Consumes a topic as a member of a group and ignores the keys of its records.</summary>
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
