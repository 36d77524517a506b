using Confluent.Kafka;
using MassTransit.Configuration;
using MassTransit.Context;
using MassTransit.Initializers;
using MassTransit.KafkaIntegration.Serializers;
using MassTransit.Logging;
using MassTransit.Observables;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>The serializers of one producer.</summary>
internal sealed record RecordWriter<TKey, TValue>(IAsyncSerializer<TKey> Key, IAsyncSerializer<TValue> Value, IHeadersSerializer Headers);

/// <summary>Sends messages of one type to one topic: through the send pipe and the serializers to the brokers.</summary>
internal sealed class TopicSender<TKey, TValue>
    where TValue : class
{
    private readonly string topic;
    private readonly ProducerClient client;
    private readonly ISendPipe sendPipe;
    private readonly SendObservable observers;
    private readonly RecordWriter<TKey, TValue> writer;
    private readonly TopicSendTransportContext transport;
    private readonly Uri source;
    private readonly Uri destination;

    public TopicSender(
        string topic, IHostConfiguration host, ProducerClient client, ISendPipe sendPipe, SendObservable observers, RecordWriter<TKey, TValue> writer)
    {
        this.topic = topic;
        this.client = client;
        this.sendPipe = sendPipe;
        this.observers = observers;
        this.writer = writer;
        transport = new TopicSendTransportContext(host, topic);
        source = host.HostAddress;
        destination = new KafkaTopicAddress(host.HostAddress, topic);
    }

    /// <summary>Where a message is produced.</summary>
    /// <param name="Scope">The container's scope, which scoped filters use; null: there is none.</param>
    /// <param name="Consumed">The message that is being consumed in the scope; null: there is none.</param>
    public readonly record struct Origin(IServiceProvider? Scope, ConsumeContext? Consumed);

    public async Task SendObjectAsync(
        TKey key, object values, IPipe<KafkaSendContext<TKey, TValue>> pipe, Origin origin, CancellationToken cancellationToken)
    {
        // The initializer's pipe sets headers and ids that the values contain.
        var (message, initializer) = await MessageInitializerCache<TValue>.InitializeMessage(values, cancellationToken).ConfigureAwait(false);
        await SendAsync(key, message, pipe, origin, cancellationToken, initializer).ConfigureAwait(false);
    }

    public async Task SendAsync(
        TKey key,
        TValue value,
        IPipe<KafkaSendContext<TKey, TValue>> pipe,
        Origin origin,
        CancellationToken cancellationToken,
        IPipe<SendContext<TValue>>? initializer = null)
    {
        // The produce is logged by this transport, whatever the context of the caller is.
        LogContext.Current = transport.LogContext;
        var context = new TopicSendContext(key, value, writer, cancellationToken) { SourceAddress = source, DestinationAddress = destination };
        if (origin.Scope is not null)
        {
            context.GetOrAddPayload(() => origin.Scope);
        }

        if (origin.Consumed is { } consumed)
        {
            context.ConversationId = consumed.ConversationId;
            context.InitiatorId = consumed.CorrelationId;
            context.SourceAddress = consumed.ReceiveContext.InputAddress;
        }

        await sendPipe.Send(context).ConfigureAwait(false);
        if (initializer.IsNotEmpty())
        {
            await initializer!.Send(context).ConfigureAwait(false);
        }

        if (pipe.IsNotEmpty())
        {
            await pipe.Send(context).ConfigureAwait(false);
        }

        context.ConversationId ??= NewId.NextGuid();
        await ProduceAsync(context).ConfigureAwait(false);
    }

    private async Task ProduceAsync(TopicSendContext context)
    {
        var activity = LogContext.Current?.StartSendActivity(transport, context);
        var instrument = LogContext.Current?.StartSendInstrument(transport, context);
        try
        {
            await observers.PreSend(context).ConfigureAwait(false);
            var headers = writer.Headers.Serialize(context);
            var message = new Message<byte[]?, byte[]?>
            {
                Key = await context.KeySerializer.SerializeAsync(context.Key, new SerializationContext(MessageComponentType.Key, topic, headers)).ConfigureAwait(false),
                Value = await context.ValueSerializer.SerializeAsync(context.Message, new SerializationContext(MessageComponentType.Value, topic, headers)).ConfigureAwait(false),
                Headers = headers,
                Timestamp = new Timestamp(context.SentTime ?? DateTime.UnixEpoch),
            };
            await client.ProduceAsync(new TopicPartition(topic, context.Partition), message, context.CancellationToken).ConfigureAwait(false);
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

    private sealed class TopicSendContext(TKey key, TValue value, RecordWriter<TKey, TValue> writer, CancellationToken cancellationToken)
        : MessageSendContext<TValue>(value, cancellationToken), KafkaSendContext<TKey, TValue>
    {
        public TKey Key { get; set; } = key;

        public Partition Partition { get; set; } = Partition.Any;

        public IAsyncSerializer<TKey> KeySerializer { get; set; } = writer.Key;

        public IAsyncSerializer<TValue> ValueSerializer { get; set; } = writer.Value;
    }
}

/// <summary>Describes the destination of messages to core's spans and metrics.</summary>
internal sealed class TopicSendTransportContext(IHostConfiguration host, string topic)
    : BaseSendTransportContext(host, host.BusConfiguration.BusEndpointConfiguration.Serialization.CreateSerializerCollection())
{
    public override string EntityName => topic;

    public override string ActivitySystem => "kafka";

    // Only outboxes call this; the topic producer creates its own context, which has a key.
    public override Task<SendContext<T>> CreateSendContext<T>(T message, IPipe<SendContext<T>> pipe, CancellationToken cancellationToken) =>
        throw new NotSupportedException("An outbox cannot send to a topic: use ITopicProducer.");
}
