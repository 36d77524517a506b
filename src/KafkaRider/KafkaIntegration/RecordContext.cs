using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Confluent.Kafka;
using MassTransit.KafkaIntegration.Serializers;
using MassTransit.Logging;
using MassTransit.Metadata;
using MassTransit.Serialization;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>How the records of an endpoint are read.</summary>
internal sealed class RecordReader<TKey, TValue>(IDeserializer<TKey> key, IDeserializer<TValue> value, IHeadersDeserializer headers, Uri hostAddress)
    where TValue : class
{
    private static readonly Tombstone<TValue> Tombstone = new();

    // A pattern reads several topics; nearly always the next record is of the topic of the last one.
    private TopicAddress? lastTopic;

    /// <summary>Whether a consumer asks for them.</summary>
    public bool Tombstones { get; set; }

    /// <summary>The address of the record's topic. The endpoint's own address also has its group.</summary>
    public Uri AddressOf(string topic)
    {
        var last = Volatile.Read(ref lastTopic);
        if (last?.Topic != topic)
        {
            last = new TopicAddress(topic, new KafkaTopicAddress(hostAddress, topic));
            Volatile.Write(ref lastTopic, last);
        }

        return last.Address;
    }

    public IHeaderProvider HeadersOf(ConsumeResult<byte[]?, byte[]?> record) =>
        new RecordHeaders(record.Message.Timestamp.UtcDateTime, headers.Deserialize(record.Message.Headers));

    public TKey KeyOf(ConsumeResult<byte[]?, byte[]?> record) =>
        key.Deserialize(record.Message.Key, record.Message.Key is null, ContextOf(MessageComponentType.Key, record));

    /// <returns>A <typeparamref name="TValue"/>, or a <see cref="Tombstone{T}"/> of it.</returns>
    public object MessageOf(ConsumeResult<byte[]?, byte[]?> record) => record.Message.Value is null or [] && Tombstones
        ? Tombstone
        : value.Deserialize(record.Message.Value, record.Message.Value is null, ContextOf(MessageComponentType.Value, record))
            ?? throw new InvalidDataException($"The record has no value, and there is no consumer of Tombstone<{typeof(TValue).Name}>.");

    private static SerializationContext ContextOf(MessageComponentType component, ConsumeResult<byte[]?, byte[]?> record) =>
        new(component, record.Topic, record.Message.Headers);

    private sealed record TopicAddress(string Topic, Uri Address);
}

/// <summary>
/// One consumed record on its way through the receive pipe. It also is what would otherwise be objects of their own for every record: its count
/// of attempts, and the lock that core asks for.
/// </summary>
internal sealed class RecordContext<TKey, TValue> : KafkaReceiveContext<TKey, TValue>, IAttempts, ReceiveLockContext
    where TValue : class
{
    private readonly ConsumeResult<byte[]?, byte[]?> record;
    private readonly BodyConsumeContext consumeContext;
    private int attempts;

    /// <exception cref="Exception">The key, the value or a header cannot be read.</exception>
    public RecordContext(ConsumeResult<byte[]?, byte[]?> record, string groupId, RecordReader<TKey, TValue> reader, ReceiveEndpointContext endpoint)
        : base(endpoint)
    {
        this.record = record;
        GroupId = groupId;
        InputAddress = reader.AddressOf(record.Topic);
        HeaderProvider = reader.HeadersOf(record);
        Body = new BytesMessageBody(record.Message.Value ?? []);
        Key = reader.KeyOf(record);
        consumeContext = new BodyConsumeContext(this, new RecordSerializerContext(reader.MessageOf(record), new RecordMessageContext(this)));
    }

    public override string GroupId { get; }

    public override string Topic => record.Topic;

    public override int Partition => record.Partition.Value;

    public override long Offset => record.Offset.Value;

    public override DateTime CheckpointUtcDateTime => record.Message.Timestamp.UtcDateTime;

    public override bool IsPartitionEof => false;

    public override TKey Key { get; }

    /// <summary>For those who do not come through the receive pipe.</summary>
    public ConsumeContext<TValue> Message => consumeContext.TryGetMessage<TValue>(out var message)
        ? message
        : throw new InvalidOperationException("The record's message was read in the constructor.");

    public override MessageBody Body { get; }

    protected override IHeaderProvider HeaderProvider { get; }

    void IAttempts.Add() => Interlocked.Increment(ref attempts);

    /// <summary>How often a consumer was given the record, or the batch that goes by it, since this was last asked.</summary>
    public int TakeAttempts() => Interlocked.Exchange(ref attempts, 0);

    public override bool HasPayloadType(Type payloadType) => payloadType == typeof(ConsumeContext) || base.HasPayloadType(payloadType);

    // With a ready-made consume context the pipe chooses no deserializer by content type: there is no envelope.
    public override bool TryGetPayload<T>([NotNullWhen(true)] out T? payload)
        where T : class
    {
        payload = typeof(T) == typeof(ConsumeContext) ? (T)(object)consumeContext : null;
        return payload is not null || base.TryGetPayload(out payload);
    }

    // The dispatcher asks with the span of the record started, and before its consumers.
    public Task ValidateLockStatus()
    {
        ReadTraceState();
        return Task.CompletedTask;
    }

    // Kafka has no lock per record; the checkpoint is told by the outcome of the dispatch.
    public Task Complete() => Task.CompletedTask;

    public Task Faulted(Exception exception) => Task.CompletedTask;

    // Core reads which trace a record is of, but not its state (tracestate of W3C Trace Context). A sampler has not seen it. The state is that
    // of traceparent: a span that goes on from another one (MT-Activity-Id, MT-Activity-Propagation) has none of it.
    private void ReadTraceState()
    {
        if (Activity.Current is { } activity
            && ActivityContext.TryParse(Text(WireHeaders.TraceParent), Text(WireHeaders.TraceState), out var parent)
            && parent.TraceId == activity.TraceId
            && parent.SpanId == activity.ParentSpanId)
        {
            activity.TraceStateString = parent.TraceState;
        }
    }

    private string? Text(string header) => HeaderProvider.TryGetHeader(header, out var value) ? value as string : null;

    private sealed class RecordSerializerContext(object value, MessageContext context)
        : BaseSerializerContext(
            SystemTextJsonMessageSerializer.Instance,
            context,
            value is TValue ? MessageTypeCache<TValue>.MessageTypeNames : MessageTypeCache<Tombstone<TValue>>.MessageTypeNames)
    {
        public override bool TryGetMessage<T>([NotNullWhen(true)] out T? message)
            where T : class
        {
            message = value as T;
            return message is not null;
        }

        public override bool TryGetMessage(Type messageType, [NotNullWhen(true)] out object? message)
        {
            message = messageType.IsInstanceOfType(value) ? value : null;
            return message is not null;
        }

        public override IMessageSerializer GetMessageSerializer() => SystemTextJsonMessageSerializer.Instance;

        public override IMessageSerializer GetMessageSerializer<T>(MessageEnvelope envelope, T message) => SystemTextJsonMessageSerializer.Instance;

        public override IMessageSerializer GetMessageSerializer(object message, string[] messageTypes) => SystemTextJsonMessageSerializer.Instance;

        public override Dictionary<string, object> ToDictionary<T>(T? message)
            where T : class =>
            message is null
                ? []
                : SystemTextJsonMessageSerializer.Instance.DeserializeObject<Dictionary<string, object>>(message) ?? [];
    }

    private sealed class RecordMessageContext : MessageContext
    {
        // Nearly all records of a topic have the same one, and it takes long to read.
        private static Uri? lastSource;

        public RecordMessageContext(RecordContext<TKey, TValue> record)
        {
            Headers = record.TransportHeaders;
            MessageId = Id(record, nameof(MessageId)) ?? IdOf(record);
            CorrelationId = Id(record, nameof(CorrelationId));
            ConversationId = Id(record, nameof(ConversationId));
            InitiatorId = Id(record, nameof(InitiatorId));
            SourceAddress = SourceOf(record.Text(nameof(SourceAddress)));
            DestinationAddress = record.InputAddress;
            SentTime = record.CheckpointUtcDateTime;
        }

        public Guid? MessageId { get; }

        public Guid? RequestId => null;

        public Guid? CorrelationId { get; }

        public Guid? ConversationId { get; }

        public Guid? InitiatorId { get; }

        public DateTime? ExpirationTime => null;

        public Uri? SourceAddress { get; }

        public Uri? DestinationAddress { get; }

        public Uri? ResponseAddress => null;

        public Uri? FaultAddress => null;

        public DateTime? SentTime { get; }

        public Headers Headers { get; }

        public HostInfo Host => HostMetadataCache.Empty;

        // The same at every delivery, so that whoever sorts out repeats can. Version 8 of RFC 9562.
        private static Guid IdOf(RecordContext<TKey, TValue> record)
        {
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{record.Topic}/{record.Partition}/{record.Offset}")), hash);
            hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
            hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
            return new Guid(hash[..16], bigEndian: true);
        }

        private static Uri? SourceOf(string? text)
        {
            var last = lastSource;
            return text is null ? null : last?.OriginalString == text ? last : lastSource = new Uri(text, UriKind.RelativeOrAbsolute);
        }

        private static Guid? Id(RecordContext<TKey, TValue> record, string header) => record.Text(header) is { } text
            ? Guid.TryParse(text, out var id) ? id : throw new InvalidDataException($"The header {header} is not a GUID.")
            : null;
    }
}

/// <summary>The headers of a record, and two that core reads by name: the record's timestamp, and the trace of a producer without MassTransit.</summary>
internal sealed class RecordHeaders(DateTime timestamp, IHeaderProvider headers) : IHeaderProvider
{
    // Without the timestamp: core copies all of these to every message that a consumer publishes.
    public IEnumerable<KeyValuePair<string, object>> GetAll() => headers.GetAll();

    public bool TryGetHeader(string key, [NotNullWhen(true)] out object? value)
    {
        if (key == MessageHeaders.TransportSentTime)
        {
            value = timestamp;
            return true;
        }

        // The other one is of a producer that is not MassTransit; both are written alike.
        return headers.TryGetHeader(key, out value) || (key == DiagnosticHeaders.ActivityId && headers.TryGetHeader(WireHeaders.TraceParent, out value));
    }
}
