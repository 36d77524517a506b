using Confluent.Kafka;
using MassTransit.Configuration;
using MassTransit.DependencyInjection;
using MassTransit.KafkaIntegration.Serializers;
using MassTransit.Transports;
using MassTransit.Util;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit.KafkaIntegration;

internal sealed class KafkaRiderFactory(
    ClientConfig? clientConfig, Action<IRiderRegistrationContext, IKafkaFactoryConfigurator> configure, RiderReference reference)
    : IRegistrationRiderFactory<IKafkaRider>
{
    public IBusInstanceSpecification CreateRider(IRiderRegistrationContext context)
    {
        var config = clientConfig ?? context.GetService<ClientConfig>() ?? new ClientConfig();
        var specification = new KafkaRiderSpecification(context, new ClientConfig(new Dictionary<string, string>(config)), reference);
        configure(context, specification);
        return specification;
    }
}

/// <summary>What the user configured; becomes a rider once the bus and its host are built.</summary>
internal sealed class KafkaRiderSpecification(IRiderRegistrationContext context, ClientConfig clientConfig, RiderReference reference)
    : IKafkaFactoryConfigurator, IBusInstanceSpecification
{
    private readonly RiderSettings settings = new(new ClientSettings(clientConfig));
    private readonly List<Action<KafkaRider>> endpoints = [];
    private readonly HashSet<(string Topic, string? Group)> names = [];
    private readonly List<ValidationResult> faults = [];
    private readonly List<IReceiveEndpointObserver> observers = [];
    private readonly HostConfiguration host = new(clientConfig);

    public string ClientId { set => clientConfig.ClientId = value; }

    public string ClientRack { set => clientConfig.ClientRack = value; }

    public SecurityProtocol? SecurityProtocol { set => clientConfig.SecurityProtocol = value; }

    public Acks? Acks { set => clientConfig.Acks = value; }

    public void SetHeadersSerializer(IHeadersSerializer serializer) => settings.HeadersSerializer = serializer;

    public void SetHeadersDeserializer(IHeadersDeserializer deserializer) => settings.HeadersDeserializer = deserializer;

    public void SetSerializationFactory(IKafkaSerializerFactory factory) => settings.Serializers = factory;

    public void OAuthBearerTokenRefreshHandler(Action<IClient, string> handler) => settings.Client.RefreshToken = handler;

    public void Host(IReadOnlyList<string> servers, Action<IKafkaHostConfigurator>? configure = null)
    {
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
            faults.Add(this.Failure("TopicEndpoint", "needs the name of a topic and of a group"));
        }
        else if (!names.Add((topicName, consumerConfig.GroupId)))
        {
            faults.Add(this.Failure("TopicEndpoint", $"{topicName} is consumed by group {consumerConfig.GroupId} already"));
        }

        endpoints.Add(rider => rider.AddEndpoint(topicName, consumerConfig, configure, observers));
    }

    // Observers are handed to the endpoints when the bus is built; there is nothing to take back before.
    public ConnectHandle ConnectReceiveEndpointObserver(IReceiveEndpointObserver observer)
    {
        observers.Add(observer);
        return new EmptyConnectHandle();
    }

    public ConnectHandle ConnectSendObserver(ISendObserver observer) => reference.SendObservers.Connect(observer);

    public void ConfigureSend(Action<ISendPipeConfigurator> callback) => settings.SendPipe.Add(callback);

    public IEnumerable<ValidationResult> Validate()
    {
        if (string.IsNullOrWhiteSpace(clientConfig.BootstrapServers))
        {
            yield return this.Failure("Host", "names no broker");
        }

        if (host.Complete() is { } contradiction)
        {
            yield return this.Failure("Host", contradiction);
        }

        foreach (var fault in faults)
        {
            yield return fault;
        }
    }

    public void Configure(IBusInstance busInstance)
    {
        var rider = new KafkaRider(busInstance, context, reference, settings);
        endpoints.ForEach(add => add(rider));
        busInstance.Connect<IKafkaRider>(rider);
    }
}
