using Confluent.Kafka;
using MassTransit.Configuration;
using MassTransit.Observables;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>The running rider: its endpoints and the one producer that they and the application share.</summary>
internal sealed class KafkaRider : IKafkaRider
{
    private readonly ReceiveEndpointCollection endpoints = new();
    private readonly IHostConfiguration host;
    private readonly IReadOnlyCollection<string> producerTopics;
    private readonly ISendPipe sendPipe;
    private readonly SendObservable sendObservers = new();

    public KafkaRider(
        IHostConfiguration host,
        ClientConfig clientConfig,
        IReadOnlyCollection<string> producerTopics,
        IEnumerable<Action<ISendPipeConfigurator>> configureSend)
    {
        this.host = host;
        this.producerTopics = producerTopics;
        ClientConfig = clientConfig;
        Producer = new SharedProducer(clientConfig, host);
        var pipe = new SendPipeConfiguration(host.Topology.SendTopology);
        foreach (var configure in configureSend)
        {
            configure(pipe.Configurator);
        }

        sendPipe = pipe.CreatePipe();
        sendObservers.Connect(host.SendObservers);
    }

    public ClientConfig ClientConfig { get; }

    public SharedProducer Producer { get; }

    public void Add(ReceiveEndpoint endpoint, IEnumerable<IReceiveEndpointObserver> observers)
    {
        foreach (var observer in observers)
        {
            endpoint.ConnectReceiveEndpointObserver(observer);
        }

        endpoints.Add(endpoint.InputAddress.AbsolutePath, endpoint);
    }

    public ITopicProducer<TKey, TValue> GetProducer<TKey, TValue>(Uri address)
        where TValue : class =>
        address.Scheme == "topic"
            ? new TopicProducer<TKey, TValue>(address.AbsolutePath, host, Producer, sendPipe, sendObservers)
            : throw new ArgumentException($"A topic is addressed as topic:name, not as {address}.", nameof(address));

    public ConnectHandle ConnectSendObserver(ISendObserver observer) => sendObservers.Connect(observer);

    public IEnumerable<EndpointHealthResult> CheckEndpointHealth() => endpoints.CheckEndpointHealth();

    public RiderHandle Start(CancellationToken cancellationToken = default)
    {
        if (producerTopics.Count > 0)
        {
            _ = Task.Run(() => Producer.WarmUp(producerTopics), cancellationToken);
        }

        return new Handle(this, endpoints.StartEndpoints(cancellationToken));
    }

    private sealed class Handle(KafkaRider rider, HostReceiveEndpointHandle[] started) : RiderHandle
    {
        public Task Ready { get; } = Task.WhenAll(started.Select(endpoint => endpoint.Ready));

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            await rider.endpoints.StopEndpoints(cancellationToken).ConfigureAwait(false);
            rider.Producer.Close();
        }
    }
}
