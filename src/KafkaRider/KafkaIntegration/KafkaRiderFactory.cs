using Confluent.Kafka;
using MassTransit.Configuration;
using MassTransit.DependencyInjection;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

internal sealed class KafkaRiderFactory(
    ClientConfig clientConfig, Action<IRiderRegistrationContext, IKafkaFactoryConfigurator> configure) : IRegistrationRiderFactory<IKafkaRider>
{
    public IBusInstanceSpecification CreateRider(IRiderRegistrationContext context)
    {
        var specification = new KafkaRiderSpecification(
            new ClientConfig(new Dictionary<string, string>(clientConfig)),
            [.. context.GetRegistrations<TopicProducerRegistration>().Select(producer => producer.TopicName)]);
        configure(context, specification);
        return specification;
    }
}

/// <summary>What the user configured; becomes a rider once the bus and its host are built.</summary>
internal sealed class KafkaRiderSpecification(ClientConfig clientConfig, IReadOnlyCollection<string> producerTopics)
    : IKafkaFactoryConfigurator, IBusInstanceSpecification
{
    private readonly List<Action<KafkaRider, IBusInstance>> endpoints = [];
    private readonly HashSet<(string Topic, string? Group)> names = [];
    private readonly List<ValidationResult> faults = [];
    private readonly List<IReceiveEndpointObserver> observers = [];
    private readonly List<Action<ISendPipeConfigurator>> sendPipe = [];
    private readonly List<ISendObserver> sendObservers = [];
    private readonly HostConfiguration host = new(clientConfig);

    public string ClientId { set => clientConfig.ClientId = value; }

    public string ClientRack { set => clientConfig.ClientRack = value; }

    public SecurityProtocol? SecurityProtocol { set => clientConfig.SecurityProtocol = value; }

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

        endpoints.Add((rider, bus) =>
        {
            var configuration = new TopicEndpointConfiguration<TKey, TValue>(bus, topicName, consumerConfig, rider);
            configure(configuration);
            rider.Add(configuration.Build(), observers);
        });
    }

    public ConnectHandle ConnectReceiveEndpointObserver(IReceiveEndpointObserver observer)
    {
        observers.Add(observer);
        return new NotDisconnectable();
    }

    public ConnectHandle ConnectSendObserver(ISendObserver observer)
    {
        sendObservers.Add(observer);
        return new NotDisconnectable();
    }

    public void ConfigureSend(Action<ISendPipeConfigurator> callback) => sendPipe.Add(callback);

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
        var rider = new KafkaRider(busInstance.HostConfiguration, clientConfig, producerTopics, sendPipe);
        sendObservers.ForEach(observer => rider.ConnectSendObserver(observer));
        endpoints.ForEach(add => add(rider, busInstance));
        busInstance.Connect<IKafkaRider>(rider);
    }

    // Observers are handed to the endpoints when the bus is built; there is nothing to take back before.
    private sealed class NotDisconnectable : ConnectHandle
    {
        public void Dispose()
        {
        }

        public void Disconnect()
        {
        }
    }
}

/// <summary>Remembers that a topic is produced to.</summary>
internal sealed class TopicProducerRegistration(Type producer, string topicName) : IRegistration
{
    public Type Type => producer;

    public string TopicName => topicName;

    public bool IncludeInConfigureEndpoints { get; set; }
}
