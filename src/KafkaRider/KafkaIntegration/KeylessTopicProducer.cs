namespace MassTransit.KafkaIntegration;

/// <summary>Computes the key of a record from its message, after all send pipes.</summary>
public delegate TKey KafkaKeyResolver<out TKey, TValue>(KafkaSendContext<TValue> context)
    where TValue : class;

internal sealed class KeylessTopicProducer<TKey, TValue>(ITopicProducer<TKey, TValue> producer, KafkaKeyResolver<TKey, TValue> keyResolver)
    : ITopicProducer<TValue>
    where TValue : class
{
    public ConnectHandle ConnectSendObserver(ISendObserver observer) => producer.ConnectSendObserver(observer);

    public Task Produce(TValue value, CancellationToken cancellationToken = default) =>
        producer.Produce(default!, value, new KeyPipe(keyResolver), cancellationToken);

    public Task Produce(TValue value, IPipe<KafkaSendContext<TValue>> pipe, CancellationToken cancellationToken = default) =>
        producer.Produce(default!, value, new KeyPipe(keyResolver, pipe), cancellationToken);

    public Task Produce(object values, CancellationToken cancellationToken = default) =>
        producer.Produce(default!, values, new KeyPipe(keyResolver), cancellationToken);

    public Task Produce(object values, IPipe<KafkaSendContext<TValue>> pipe, CancellationToken cancellationToken = default) =>
        producer.Produce(default!, values, new KeyPipe(keyResolver, pipe), cancellationToken);

    private sealed class KeyPipe(KafkaKeyResolver<TKey, TValue> keyResolver, IPipe<KafkaSendContext<TValue>>? before = null)
        : IPipe<KafkaSendContext<TKey, TValue>>
    {
        public async Task Send(KafkaSendContext<TKey, TValue> context)
        {
            if (before.IsNotEmpty())
            {
                await before!.Send(context).ConfigureAwait(false);
            }

            context.Key = keyResolver(context);
        }

        public void Probe(ProbeContext context) => before?.Probe(context);
    }
}
