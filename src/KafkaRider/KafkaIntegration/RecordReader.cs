using Confluent.Kafka;
using MassTransit.KafkaIntegration.Serializers;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>Reads the records of an endpoint: their keys, values and headers.</summary>
internal sealed class RecordReader<TKey, TValue>(IDeserializer<TKey> key, IDeserializer<TValue> value, IHeadersDeserializer headers, Uri hostAddress)
    where TValue : class
{
    private static readonly Tombstone<TValue> Tombstone = new();

    // An endpoint with a pattern reads several topics; nearly always the next record is of the same topic as the last one.
    private TopicAddress? lastTopic;

    /// <summary>Whether the endpoint has a consumer of tombstones.</summary>
    public bool Tombstones { get; set; }

    /// <summary>The address of a topic. The endpoint's own address also contains its group.</summary>
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

    /// <returns>A <typeparamref name="TValue"/> or a <see cref="Tombstone{T}"/>.</returns>
    /// <exception cref="InvalidDataException">The record has no value, and the endpoint has no consumer of tombstones.</exception>
    public object MessageOf(ConsumeResult<byte[]?, byte[]?> record) => record.Message.Value is null or [] && Tombstones
        ? Tombstone
        : value.Deserialize(record.Message.Value, record.Message.Value is null, ContextOf(MessageComponentType.Value, record))
            ?? throw new InvalidDataException($"The record has no value, and there is no consumer of Tombstone<{typeof(TValue).Name}>.");

    private static SerializationContext ContextOf(MessageComponentType component, ConsumeResult<byte[]?, byte[]?> record) =>
        new(component, record.Topic, record.Message.Headers);

    private sealed record TopicAddress(string Topic, Uri Address);
}
