using Confluent.Kafka;
using MassTransit.Configuration;
using MassTransit.Context;
using MassTransit.Initializers;
using MassTransit.Logging;
using MassTransit.Observables;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

internal sealed class TopicProducer<TKey, TValue> : ITopicProducer<TKey, TValue>
    where TValue : class
{
    private readonly string topic;
    private readonly SharedProducer producer;
    private readonly ISendPipe sendPipe;
    private readonly SendObservable observers;
    private readonly TopicSendTransportContext transport;
    private readonly Uri source;
    private readonly Uri destination;

    public TopicProducer(string topic, IHostConfiguration host, SharedProducer producer, ISendPipe sendPipe, SendObservable observers)
    {
        this.topic = topic;
        this.producer = producer;
        this.sendPipe = sendPipe;
        this.observers = observers;
        transport = new TopicSendTransportContext(host, topic);
        source = host.HostAddress;
        destination = new Uri(host.HostAddress, $"kafka/{topic}");
    }

    public ConnectHandle ConnectSendObserver(ISendObserver observer) => observers.Connect(observer);

    public Task Produce(TKey key, TValue value, CancellationToken cancellationToken = default) =>
        Produce(key, value, Pipe.Empty<KafkaSendContext<TKey, TValue>>(), cancellationToken);

    public Task Produce(
        TKey key, TValue value, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(value);
        return ProduceAsync(key, value, Pipe.Empty<SendContext<TValue>>(), pipe, cancellationToken);
    }

    public Task Produce(TKey key, object values, CancellationToken cancellationToken = default) =>
        Produce(key, values, Pipe.Empty<KafkaSendContext<TKey, TValue>>(), cancellationToken);

    public async Task Produce(
        TKey key, object values, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);

        // The initializer's pipe sets what the values say of the context (headers, ids).
        var (message, initializer) = await MessageInitializerCache<TValue>.InitializeMessage(values, cancellationToken).ConfigureAwait(false);
        await ProduceAsync(key, message, initializer, pipe, cancellationToken).ConfigureAwait(false);
    }

    private async Task ProduceAsync(
        TKey key, TValue value, IPipe<SendContext<TValue>> initializer, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken)
    {
        // Whoever produces, and from wherever: what is logged of it is of this transport.
        LogContext.Current = transport.LogContext;
        var context = new TopicSendContext(key, value, cancellationToken) { SourceAddress = source, DestinationAddress = destination };
        await sendPipe.Send(context).ConfigureAwait(false);
        if (initializer.IsNotEmpty())
        {
            await initializer.Send(context).ConfigureAwait(false);
        }

        if (pipe.IsNotEmpty())
        {
            await pipe.Send(context).ConfigureAwait(false);
        }

        context.ConversationId ??= NewId.NextGuid();
        var activity = LogContext.Current?.StartSendActivity(transport, context);
        var instrument = LogContext.Current?.StartSendInstrument(transport, context);
        try
        {
            await observers.PreSend(context).ConfigureAwait(false);
            var message = new Message<byte[]?, byte[]?>
            {
                Key = WireFormat.Serialize(context.Key),
                Value = WireFormat.Serialize(context.Message),
                Headers = WireFormat.HeadersOf(context),
                Timestamp = new Timestamp(context.SentTime ?? DateTime.UnixEpoch),
            };
            await producer.ProduceAsync(new TopicPartition(topic, context.Partition), message, cancellationToken).ConfigureAwait(false);
            context.LogSent();
            await observers.PostSend(context).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            activity?.AddExceptionEvent(exception);
            instrument?.AddException(exception);
            context.LogFaulted(exception);
            await observers.SendFault(context, exception).ConfigureAwait(false);
            throw;
        }
        finally
        {
            activity?.Stop();
            instrument?.Stop();
        }
    }

    private sealed class TopicSendContext(TKey key, TValue value, CancellationToken cancellationToken)
        : MessageSendContext<TValue>(value, cancellationToken), KafkaSendContext<TKey, TValue>
    {
        public TKey Key { get; set; } = key;

        public Partition Partition { get; set; } = Partition.Any;
    }
}

/// <summary>What core's spans and metrics want to know of the place a message is sent to.</summary>
internal sealed class TopicSendTransportContext(IHostConfiguration host, string topic)
    : BaseSendTransportContext(host, host.BusConfiguration.BusEndpointConfiguration.Serialization.CreateSerializerCollection())
{
    public override string EntityName => topic;

    public override string ActivitySystem => "kafka";

    // Only outboxes call this; the topic producer makes its own context, which has a key.
    public override Task<SendContext<T>> CreateSendContext<T>(T message, IPipe<SendContext<T>> pipe, CancellationToken cancellationToken) =>
        throw new NotSupportedException("A topic is produced to with ITopicProducer, not through an outbox.");
}
