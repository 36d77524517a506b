using MassTransit.Configuration;
using MassTransit.DependencyInjection;
using MassTransit.Middleware.InMemoryOutbox;
using MassTransit.Observables;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// A producer that can be created before the bus has started. Inside a consumer, what it produces belongs to the conversation of the consumed message;
/// if the consumer has an in-memory outbox, it is held until the consumer has succeeded.
/// </summary>
internal sealed class TopicProducer<TKey, TValue>(
    Func<CancellationToken, ValueTask<TopicSender<TKey, TValue>>> startedSender, SendObservable observers, IServiceProvider? scope)
    : ITopicProducer<TKey, TValue>
    where TValue : class
{
    public ConnectHandle ConnectSendObserver(ISendObserver observer) => observers.Connect(observer);

    public Task Produce(TKey key, TValue value, CancellationToken cancellationToken = default) =>
        Produce(key, value, Pipe.Empty<KafkaSendContext<TKey, TValue>>(), cancellationToken);

    public Task Produce(TKey key, TValue value, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(value);
        return ProduceAsync((sender, origin) => sender.SendAsync(key, value, pipe, origin, cancellationToken), cancellationToken);
    }

    public Task Produce(TKey key, object values, CancellationToken cancellationToken = default) =>
        Produce(key, values, Pipe.Empty<KafkaSendContext<TKey, TValue>>(), cancellationToken);

    public Task Produce(TKey key, object values, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        return ProduceAsync((sender, origin) => sender.SendObjectAsync(key, values, pipe, origin, cancellationToken), cancellationToken);
    }

    private async Task ProduceAsync(
        Func<TopicSender<TKey, TValue>, TopicSender<TKey, TValue>.Origin, Task> produce, CancellationToken cancellationToken)
    {
        var sender = await startedSender(cancellationToken).ConfigureAwait(false);
        var consumed = scope?.GetService<IScopedConsumeContextProvider>() is { HasContext: true } consuming ? consuming.GetContext() : null;
        var origin = new TopicSender<TKey, TValue>.Origin(scope, consumed);
        await (consumed is not null && consumed.TryGetPayload<OutboxContext>(out var outbox)
            ? outbox.Add(() => produce(sender, origin))
            : produce(sender, origin)).ConfigureAwait(false);
    }
}

internal sealed class TopicProducerProvider(DeferredRider deferredRider, IServiceProvider? scope) : ITopicProducerProvider
{
    public ITopicProducer<TKey, TValue> GetProducer<TKey, TValue>(Uri address)
        where TValue : class
    {
        var topic = TopicOf(address);
        TopicSender<TKey, TValue>? sender = null;
        return new TopicProducer<TKey, TValue>(
            async cancellationToken =>
            {
                var rider = await deferredRider.StartedAsync(cancellationToken).ConfigureAwait(false);
                return sender ??= rider.CreateSender(topic, new ProducerSettings<TKey, TValue>(new()));
            },
            deferredRider.SendObservers,
            scope);
    }

    public ConnectHandle ConnectSendObserver(ISendObserver observer) => deferredRider.SendObservers.Connect(observer);

    private static string TopicOf(Uri address) => new KafkaTopicAddress(address, address).Topic;
}

/// <summary>The registration of a producer.</summary>
internal abstract class TopicProducerRegistration(Type producer, string topic) : IRegistration
{
    public Type Type => producer;

    public string Topic => topic;

    public bool IncludeInConfigureEndpoints { get; set; }

    /// <summary>Called when the rider is created.</summary>
    public abstract void Configure(KafkaRider rider, IRiderRegistrationContext context);
}

internal sealed class TopicProducerRegistration<TKey, TValue>(
    string topic,
    Confluent.Kafka.ProducerConfig config,
    Action<IRiderRegistrationContext, IKafkaProducerConfigurator<TKey, TValue>>? configure,
    DeferredRider deferredRider)
    : TopicProducerRegistration(typeof(ITopicProducer<TKey, TValue>), topic)
    where TValue : class
{
    private TopicSender<TKey, TValue>? sender;

    public override void Configure(KafkaRider rider, IRiderRegistrationContext context)
    {
        var settings = new ProducerSettings<TKey, TValue>(config);
        configure?.Invoke(context, settings);
        sender = rider.CreateSender(Topic, settings);
    }

    public ITopicProducer<TKey, TValue> ProducerIn(IServiceProvider scope) =>
        new TopicProducer<TKey, TValue>(StartedSenderAsync, deferredRider.SendObservers, scope);

    private async ValueTask<TopicSender<TKey, TValue>> StartedSenderAsync(CancellationToken cancellationToken)
    {
        await deferredRider.StartedAsync(cancellationToken).ConfigureAwait(false);
        return sender!;
    }
}
