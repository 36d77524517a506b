namespace MassTransit.KafkaIntegration;

/// <summary>Finds out whether an endpoint has a consumer of tombstones.</summary>
internal sealed class TombstoneConsumerDetector<TValue> : EndpointConfigurationObserver
    where TValue : class
{
    public bool Any { get; private set; }

    public override void ConsumerMessageConfigured<TConsumer, TMessage>(IConsumerMessageConfigurator<TConsumer, TMessage> configurator) =>
        Any |= typeof(TMessage) == typeof(Tombstone<TValue>);

    public override void HandlerConfigured<TMessage>(IHandlerConfigurator<TMessage> configurator) =>
        Any |= typeof(TMessage) == typeof(Tombstone<TValue>);

    public override void SagaMessageConfigured<TSaga, TMessage>(ISagaMessageConfigurator<TSaga, TMessage> configurator) =>
        Any |= typeof(TMessage) == typeof(Tombstone<TValue>);
}
