using MassTransit.Configuration;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>Messages that a consumer sends or publishes go to the bus. Records are produced with <see cref="ITopicProducer{TKey, TValue}"/> only.</summary>
internal sealed class TopicEndpointContext(IBusInstance bus, IReceiveEndpointConfiguration configuration)
    : BaseReceiveEndpointContext(bus.HostConfiguration, configuration)
{
    public override void AddSendAgent(IAgent agent) => throw new NotSupportedException();

    public override void AddConsumeAgent(IAgent agent) => throw new NotSupportedException();

    public override Exception ConvertException(Exception exception, string message) => new KafkaConnectionException(message, exception);

    protected override ISendEndpointProvider CreateSendEndpointProvider() => new BusEndpoints(bus.Bus);

    protected override IPublishEndpointProvider CreatePublishEndpointProvider() => bus.Bus;

    protected override ISendTransportProvider CreateSendTransportProvider() => throw new NotSupportedException();

    protected override IPublishTransportProvider CreatePublishTransportProvider() => throw new NotSupportedException();

    /// <summary>Rejects addresses of topics: redelivery and deferral send a message to its input address, where the bus would accept it and no consumer would receive it.</summary>
    private sealed class BusEndpoints(ISendEndpointProvider bus) : ISendEndpointProvider
    {
        public ConnectHandle ConnectSendObserver(ISendObserver observer) => bus.ConnectSendObserver(observer);

        public Task<ISendEndpoint> GetSendEndpoint(Uri address) => address.IsAbsoluteUri && address.Segments is [.., "kafka/", _]
            ? throw new NotSupportedException($"The bus cannot send to the Kafka topic {address}: use ITopicProducer, and UseMessageRetry instead of redelivery.")
            : bus.GetSendEndpoint(address);
    }
}
