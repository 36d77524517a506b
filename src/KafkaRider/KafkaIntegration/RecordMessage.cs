using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MassTransit.Metadata;
using MassTransit.Serialization;

namespace MassTransit.KafkaIntegration;

/// <summary>Gives core the message of a record: there is no envelope to deserialise.</summary>
internal sealed class RecordSerializerContext<TValue>(object value, MessageContext context)
    : BaseSerializerContext(
        SystemTextJsonMessageSerializer.Instance,
        context,
        value is TValue ? MessageTypeCache<TValue>.MessageTypeNames : MessageTypeCache<Tombstone<TValue>>.MessageTypeNames)
    where TValue : class
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

/// <summary>The ids, addresses and headers of the message of a record.</summary>
internal sealed class RecordMessageContext<TKey, TValue> : MessageContext
    where TValue : class
{
    // Nearly all records of a topic have the same source address, and a Uri takes long to parse.
    private static Uri? lastSource;

    /// <param name="record">The record, whose headers can be read already.</param>
    /// <exception cref="InvalidDataException">A header of an id is not a GUID.</exception>
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

    // The same for every delivery, so that consumers can detect repeats. Version 8 of RFC 9562.
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
