using MassTransit.DependencyInjection;
using MassTransit.Middleware.InMemoryOutbox;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// A producer that knows whether it is used inside a consumer. What it produces there belongs to the consumed message's
/// conversation; where the consumer has an in-memory outbox it is held until the consumer has succeeded.
/// </summary>
internal sealed class ScopedTopicProducer<TKey, TValue>(ITopicProducer<TKey, TValue> producer, IServiceProvider scope) : ITopicProducer<TKey, TValue>
    where TValue : class
{
    public ConnectHandle ConnectSendObserver(ISendObserver observer) => producer.ConnectSendObserver(observer);

    public Task Produce(TKey key, TValue value, CancellationToken cancellationToken = default) =>
        Produce(key, value, Pipe.Empty<KafkaSendContext<TKey, TValue>>(), cancellationToken);

    public Task Produce(TKey key, TValue value, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(value);
        return InConsumer(pipe, inner => producer.Produce(key, value, inner, cancellationToken));
    }

    public Task Produce(TKey key, object values, CancellationToken cancellationToken = default) =>
        Produce(key, values, Pipe.Empty<KafkaSendContext<TKey, TValue>>(), cancellationToken);

    public Task Produce(TKey key, object values, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        return InConsumer(pipe, inner => producer.Produce(key, values, inner, cancellationToken));
    }

    private Task InConsumer(IPipe<KafkaSendContext<TKey, TValue>> pipe, Func<IPipe<KafkaSendContext<TKey, TValue>>, Task> produce)
    {
        if (scope.GetService<IScopedConsumeContextProvider>() is not { HasContext: true } consuming)
        {
            return produce(pipe);
        }

        var consumed = consuming.GetContext();
        var inner = new ConversationPipe(consumed, pipe);
        return consumed.TryGetPayload<OutboxContext>(out var outbox) ? outbox.Add(() => produce(inner)) : produce(inner);
    }

    private sealed class ConversationPipe(ConsumeContext consumed, IPipe<KafkaSendContext<TKey, TValue>> next) : IPipe<KafkaSendContext<TKey, TValue>>
    {
        public Task Send(KafkaSendContext<TKey, TValue> context)
        {
            context.ConversationId = consumed.ConversationId;
            context.InitiatorId = consumed.CorrelationId;
            return next.IsNotEmpty() ? next.Send(context) : Task.CompletedTask;
        }

        public void Probe(ProbeContext context) => next.Probe(context);
    }
}

internal sealed class ScopedTopicProducerProvider(IKafkaRider rider, IServiceProvider scope) : ITopicProducerProvider
{
    public ITopicProducer<TKey, TValue> GetProducer<TKey, TValue>(Uri address)
        where TValue : class => new ScopedTopicProducer<TKey, TValue>(rider.GetProducer<TKey, TValue>(address), scope);

    public ConnectHandle ConnectSendObserver(ISendObserver observer) => rider.ConnectSendObserver(observer);
}
