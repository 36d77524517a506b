using System.Collections.Concurrent;
using Confluent.Kafka;
using MassTransit.Configuration;
using MassTransit.KafkaIntegration.Serializers;
using MassTransit.Observables;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>The settings that all endpoints and producers of a rider share.</summary>
internal sealed class RiderSettings(ClientSettings client, TimeProvider time, ConsumerTimeouts timeouts)
{
    public ClientSettings Client => client;

    public TimeProvider Time => time;

    public ConsumerTimeouts Timeouts => timeouts;

    public List<Action<ISendPipeConfigurator>> SendPipe { get; } = [];

    public IKafkaSerializerFactory Serializers { get; set; } = WireSerializers.Instance;

    public IHeadersSerializer HeadersSerializer { get; set; } = WireHeaders.Instance;

    public IHeadersDeserializer HeadersDeserializer { get; set; } = WireHeaders.Instance;
}

/// <summary>The running rider: its endpoints and the one native producer that they and the application share.</summary>
internal sealed class KafkaRider : IKafkaRider
{
    private readonly ReceiveEndpointCollection endpoints = new();
    private readonly ConcurrentDictionary<Uri, EndpointHealth> health = new();
    private readonly List<ProducerClient> clients = [];
    private readonly IBusInstance bus;
    private readonly IRiderRegistrationContext context;
    private readonly DeferredRider deferredRider;
    private readonly TopicProducerProvider producers;
    private readonly List<string> producerTopics = [];

    public KafkaRider(IBusInstance bus, IRiderRegistrationContext context, DeferredRider deferredRider, RiderSettings settings)
    {
        this.bus = bus;
        this.context = context;
        this.deferredRider = deferredRider;
        Settings = settings;
        producers = new TopicProducerProvider(deferredRider, scope: null);
        Producer = AddClient(new ProducerConfig(), statistics: null);
        deferredRider.SendObservers.Connect(bus.HostConfiguration.SendObservers);
        foreach (var producer in context.GetRegistrations<TopicProducerRegistration>())
        {
            producerTopics.Add(producer.Topic);
            producer.Configure(this, context);
        }
    }

    public RiderSettings Settings { get; }

    public ProducerClient Producer { get; }

    public TopicSender<TKey, TValue> CreateSender<TKey, TValue>(string topic, ProducerSettings<TKey, TValue> own)
        where TValue : class
    {
        if (own.Refusal is { } reason)
        {
            throw new ConfigurationException($"Producer of topic {topic}: {reason}");
        }

        var pipe = new SendPipeConfiguration(bus.HostConfiguration.Topology.SendTopology);
        foreach (var configure in Settings.SendPipe.Concat(own.SendPipe))
        {
            configure(pipe.Configurator);
        }

        var observers = deferredRider.SendObservers;
        if (own.SendObservers.Count > 0)
        {
            observers = new SendObservable();
            observers.Connect(deferredRider.SendObservers);
            own.SendObservers.ForEach(observer => observers.Connect(observer));
        }

        var client = own.NeedsItsOwnClient ? AddClient(own.Config, own.StatisticsHandler) : Producer;
        var writer = new RecordWriter<TKey, TValue>(
            own.KeySerializer ?? Settings.Serializers.GetSerializer<TKey>(),
            own.ValueSerializer ?? Settings.Serializers.GetSerializer<TValue>(),
            own.HeadersSerializer ?? Settings.HeadersSerializer);
        return new TopicSender<TKey, TValue>(topic, bus.HostConfiguration, client, pipe.CreatePipe(), observers, writer);
    }

    public void AddEndpoint<TKey, TValue>(
        string topic,
        ConsumerConfig consumerConfig,
        Action<IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure,
        IEnumerable<IReceiveEndpointObserver> observers)
        where TValue : class
    {
        var configuration = new TopicEndpointConfiguration<TKey, TValue>(bus, topic, consumerConfig, this);
        configure(configuration);
        var endpoint = configuration.Build();
        foreach (var observer in observers)
        {
            endpoint.ConnectReceiveEndpointObserver(observer);
        }

        endpoints.Add(NameOf(endpoint.InputAddress), endpoint);
        health[endpoint.InputAddress] = configuration.Health;
    }

    public HostReceiveEndpointHandle ConnectTopicEndpoint<TKey, TValue>(
        string topicName, string groupId, Action<IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class =>
        ConnectTopicEndpoint(topicName, new ConsumerConfig { GroupId = groupId }, configure);

    public HostReceiveEndpointHandle ConnectTopicEndpoint<TKey, TValue>(
        string topicName, ConsumerConfig consumerConfig, Action<IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>> configure)
        where TValue : class
    {
        var address = TopicEndpointConfiguration<TKey, TValue>.AddressOf(bus, topicName, consumerConfig);
        AddEndpoint<TKey, TValue>(topicName, consumerConfig, endpoint => configure(context, endpoint), []);
        return endpoints.Start(NameOf(address), CancellationToken.None);
    }

    public ITopicProducer<TKey, TValue> GetProducer<TKey, TValue>(Uri address)
        where TValue : class => producers.GetProducer<TKey, TValue>(address);

    public ConnectHandle ConnectSendObserver(ISendObserver observer) => producers.ConnectSendObserver(observer);

    public Task<DeadLetterReplay> ReplayDeadLetters(
        string deadLetterTopic, DeadLetterReplayOptions? options = null, CancellationToken cancellationToken = default) =>
        new DeadLetterReplayer(Settings.Client, Producer).ReplayAsync(deadLetterTopic, options ?? new DeadLetterReplayOptions(), cancellationToken);

    public void Reconnect(Action<ClientConfig>? change = null)
    {
        lock (clients)
        {
            Settings.Client.Change(change);
            clients.ForEach(client => client.Replace());
        }
    }

    // Core knows whether an endpoint is ready or has failed; the endpoint knows the state of its brokers.
    public IEnumerable<EndpointHealthResult> CheckEndpointHealth() => endpoints.CheckEndpointHealth().Select(result =>
        health.TryGetValue(result.InputAddress, out var own) ? own.Judge(result) : result);

    public RiderHandle Start(CancellationToken cancellationToken = default)
    {
        clients.ForEach(client => client.Open());
        if (producerTopics.Count > 0)
        {
            _ = Task.Run(() => Producer.WarmUp(producerTopics), cancellationToken);
        }

        deferredRider.Started(this);
        return new Handle(this, endpoints.StartEndpoints(cancellationToken), cancellationToken);
    }

    private static string NameOf(Uri inputAddress) => inputAddress.AbsolutePath;

    private ProducerClient AddClient(ProducerConfig own, Action<string>? statistics)
    {
        var client = new ProducerClient(Settings.Client, own, statistics, bus.HostConfiguration, Settings.Time);
        clients.Add(client);
        return client;
    }

    private sealed class Handle : RiderHandle
    {
        private readonly KafkaRider rider;
        private readonly CancellationTokenSource givenUp;

        public Handle(KafkaRider rider, HostReceiveEndpointHandle[] started, CancellationToken cancellationToken)
        {
            this.rider = rider;
            givenUp = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

            // Core waits for it even if the start was cancelled or the bus is stopped.
            Ready = Task.WhenAll(started.Select(endpoint => endpoint.Ready)).WaitAsync(givenUp.Token);
        }

        public Task Ready { get; }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            await givenUp.CancelAsync().ConfigureAwait(false);
            try
            {
                await rider.endpoints.StopEndpoints(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                // Also if the stop was cancelled: the rider is not stopped a second time.
                rider.deferredRider.Stopped();
                rider.clients.ForEach(client => client.Close());
                givenUp.Dispose();
            }
        }
    }
}
