using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>Connects core's receive endpoint to the rider: each start creates a consumer, which runs until the stop.</summary>
internal sealed class TopicReceiveTransport(TopicEndpoint endpoint, Func<IRecordHandler> createHandler) : IReceiveTransport
{
    private readonly ReceiveEndpointContext context = endpoint.Context;

    public ReceiveTransportHandle Start()
    {
        var consumer = new TopicConsumer(endpoint, createHandler());
        consumer.Start();
        return new Handle(consumer);
    }

    public ConnectHandle ConnectReceiveObserver(IReceiveObserver observer) => context.ConnectReceiveObserver(observer);

    public ConnectHandle ConnectReceiveTransportObserver(IReceiveTransportObserver observer) => context.ConnectReceiveTransportObserver(observer);

    public ConnectHandle ConnectPublishObserver(IPublishObserver observer) => context.ConnectPublishObserver(observer);

    public ConnectHandle ConnectSendObserver(ISendObserver observer) => context.ConnectSendObserver(observer);

    public void Probe(ProbeContext probe)
    {
        var scope = probe.CreateScope("kafka");
        scope.Add("topic", endpoint.Settings.Topic);
        scope.Add("group", endpoint.Settings.GroupId);
    }

    private sealed class Handle(TopicConsumer consumer) : ReceiveTransportHandle
    {
        public Task Stop(CancellationToken cancellationToken = default) => consumer.StopAsync(cancellationToken);
    }
}
