using Confluent.Kafka;
using MassTransit.Configuration;
using MassTransit.DependencyInjection;
using MassTransit.KafkaIntegration.Serializers;
using MassTransit.Transports;
using MassTransit.Util;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit.KafkaIntegration;

internal sealed class KafkaRiderFactory(
    ClientConfig? clientConfig, Action<IRiderRegistrationContext, IKafkaFactoryConfigurator> configure, DeferredRider deferredRider)
    : IRegistrationRiderFactory<IKafkaRider>
{
    public IBusInstanceSpecification CreateRider(IRiderRegistrationContext context)
    {
        var config = clientConfig ?? context.GetService<ClientConfig>() ?? new ClientConfig();
        deferredRider.Time = context.GetService<TimeProvider>() ?? TimeProvider.System;
        var specification = new KafkaRiderSpecification(context, new ClientConfig(new Dictionary<string, string>(config)), deferredRider);
        configure(context, specification);
        return specification;
    }
}

/// <summary>Takes the user's configuration, and creates the rider when the bus and its host are built.</summary>
internal sealed class KafkaRiderSpecification(IRiderRegistrationContext context, ClientConfig clientConfig, DeferredRider deferredRider)
    : IKafkaFactoryConfigurator, IBusInstanceSpecification
{
    private readonly RiderSettings settings = new(
        new ClientSettings(clientConfig), deferredRider.Time, context.GetService<ConsumerTimeouts>() ?? new ConsumerTimeouts());

    private readonly List<Action<KafkaRider>> endpoints = [];
    private readonly HashSet<(string Topic, string? Group)> names = [];
    private readonly List<ValidationResult> faults = [];
    private readonly List<IReceiveEndpointObserver> observers = [];
    private readonly HostConfiguration host = new(clientConfig);
    private bool hostIsNamed;

    public string ClientId { set => clientConfig.ClientId = value; }

    public string ClientRack { set => clientConfig.ClientRack = value; }

    public SecurityProtocol? SecurityProtocol { set => clientConfig.SecurityProtocol = value; }

    public Acks? Acks { set => clientConfig.Acks = value; }

    public int? MessageMaxBytes { set => clientConfig.MessageMaxBytes = value; }

    public int? MessageCopyMaxBytes { set => clientConfig.MessageCopyMaxBytes = value; }

    public int? ReceiveMessageMaxBytes { set => clientConfig.ReceiveMessageMaxBytes = value; }

    public int? MaxInFlight { set => clientConfig.MaxInFlight = value; }

    public TimeSpan? TopicMetadataRefreshInterval { set => clientConfig.TopicMetadataRefreshIntervalMs = value.InMilliseconds(); }

    public TimeSpan? TopicMetadataRefreshFastInterval { set => clientConfig.TopicMetadataRefreshFastIntervalMs = value.InMilliseconds(); }

    public bool? TopicMetadataRefreshSparse { set => clientConfig.TopicMetadataRefreshSparse = value; }

    public TimeSpan? MetadataMaxAge { set => clientConfig.MetadataMaxAgeMs = value.InMilliseconds(); }

    public string TopicBlacklist { set => clientConfig.TopicBlacklist = value; }

    public string Debug { set => clientConfig.Debug = value; }

    public int? BrokerAddressTtl { set => clientConfig.BrokerAddressTtl = value; }

    public BrokerAddressFamily? BrokerAddressFamily { set => clientConfig.BrokerAddressFamily = value; }

    public TimeSpan? ReconnectBackoff { set => clientConfig.ReconnectBackoffMs = value.InMilliseconds(); }

    public TimeSpan? ReconnectBackoffMax { set => clientConfig.ReconnectBackoffMaxMs = value.InMilliseconds(); }

    public TimeSpan? StatisticsInterval { set => clientConfig.StatisticsIntervalMs = value.InMilliseconds(); }

    public bool? LogQueue { set => clientConfig.LogQueue = value; }

    public bool? LogThreadName { set => clientConfig.LogThreadName = value; }

    public bool? LogConnectionClose { set => clientConfig.LogConnectionClose = value; }

    public int? InternalTerminationSignal { set => clientConfig.InternalTerminationSignal = value; }

    public string PluginLibraryPaths { set => clientConfig.PluginLibraryPaths = value; }

    public void ConfigureSocket(Action<IKafkaSocketConfigurator> configure) => configure(new ConnectionConfiguration(clientConfig));

    public void ConfigureApi(Action<IKafkaApiConfigurator> configure) => configure(new ConnectionConfiguration(clientConfig));

    public void SetHeadersSerializer(IHeadersSerializer serializer) => settings.HeadersSerializer = serializer;

    public void SetHeadersDeserializer(IHeadersDeserializer deserializer) => settings.HeadersDeserializer = deserializer;

    public void SetSerializationFactory(IKafkaSerializerFactory factory) => settings.Serializers = factory;

    public void OAuthBearerTokenRefreshHandler(Action<IClient, string> handler) => settings.Client.RefreshToken = handler;

    public void Host(IReadOnlyList<string> servers, Action<IKafkaHostConfigurator>? configure = null)
    {
        if (hostIsNamed)
        {
            faults.Add(this.Failure("Host", "may be called only once; it accepts several brokers"));
        }

        hostIsNamed = true;
        clientConfig.BootstrapServers = string.Join(",", servers);
        configure?.Invoke(host);
    }

    public void TopicEndpoint<TKey, TValue>(
        string topicName, string groupId, Action<IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class =>
        TopicEndpoint(topicName, new ConsumerConfig { GroupId = groupId }, configure);

    public void TopicEndpoint<TKey, TValue>(
        string topicName, ConsumerConfig consumerConfig, Action<IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class
    {
        if (string.IsNullOrWhiteSpace(topicName) || string.IsNullOrWhiteSpace(consumerConfig.GroupId))
        {
            faults.Add(this.Failure("TopicEndpoint", "needs the name of a topic and the name of a group"));
        }
        else if (!names.Add((topicName, consumerConfig.GroupId)))
        {
            faults.Add(this.Failure("TopicEndpoint", $"group {consumerConfig.GroupId} already consumes topic {topicName}"));
        }

        endpoints.Add(rider => rider.AddEndpoint(topicName, consumerConfig, configure, observers));
    }

    // Observers are connected to the endpoints when the bus is built; before that there is nothing to disconnect.
    public ConnectHandle ConnectReceiveEndpointObserver(IReceiveEndpointObserver observer)
    {
        observers.Add(observer);
        return new EmptyConnectHandle();
    }

    public ConnectHandle ConnectSendObserver(ISendObserver observer) => deferredRider.SendObservers.Connect(observer);

    public void ConfigureSend(Action<ISendPipeConfigurator> callback) => settings.SendPipe.Add(callback);

    public IEnumerable<ValidationResult> Validate()
    {
        if (string.IsNullOrWhiteSpace(clientConfig.BootstrapServers))
        {
            yield return this.Failure("Host", "must be called with at least one broker");
        }

        if (host.Complete() is { } contradiction)
        {
            yield return this.Failure("Host", contradiction);
        }

        if (clientConfig.LogQueue == true)
        {
            yield return this.Failure(nameof(LogQueue), "must not be true: the rider does not read the queue");
        }

        foreach (var fault in faults)
        {
            yield return fault;
        }
    }

    public void Configure(IBusInstance busInstance)
    {
        var rider = new KafkaRider(busInstance, context, deferredRider, settings);
        endpoints.ForEach(add => add(rider));
        busInstance.Connect<IKafkaRider>(rider);
    }
}
