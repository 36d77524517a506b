using System.Text.Json;
using Confluent.Kafka;
using MassTransit.Serialization;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration.Serializers;

/// <summary>Writes the headers of a record.</summary>
public interface IHeadersSerializer
{
    /// <summary>Of a message that has passed all send pipes.</summary>
    Confluent.Kafka.Headers Serialize(SendContext context);
}

/// <summary>Reads the headers of a record.</summary>
public interface IHeadersDeserializer
{
    /// <summary>An exception sends the record to the dead-letter topic.</summary>
    IHeaderProvider Deserialize(Confluent.Kafka.Headers headers);
}

/// <summary>Writes and reads keys and values.</summary>
public interface IKafkaSerializerFactory
{
    /// <summary>Not written to records: they have no envelope.</summary>
    System.Net.Mime.ContentType ContentType { get; }

    /// <summary>Of keys or values of one type.</summary>
    IDeserializer<T> GetDeserializer<T>();

    /// <summary>Of keys or values of one type.</summary>
    IAsyncSerializer<T> GetSerializer<T>();
}

/// <summary>
/// Writes keys or values as JSON, with MassTransit's options; also those of simple types, which are otherwise in Kafka's own encodings.
/// <see langword="null"/> is the text <c>null</c>.
/// </summary>
public sealed class MassTransitJsonSerializer<T> : ISerializer<T>, IAsyncSerializer<T>
{
    /// <summary>The JSON of the key or value.</summary>
    public byte[] Serialize(T data, SerializationContext context) =>
        JsonSerializer.SerializeToUtf8Bytes(data, SystemTextJsonMessageSerializer.Options);

    /// <inheritdoc cref="Serialize"/>
    public Task<byte[]> SerializeAsync(T data, SerializationContext context) => Task.FromResult(Serialize(data, context));
}

/// <inheritdoc cref="MassTransitJsonSerializer{T}"/>
public sealed class MassTransitAsyncJsonSerializer<T> : IAsyncSerializer<T>
{
    private readonly MassTransitJsonSerializer<T> serializer = new();

    /// <summary>The JSON of the key or value.</summary>
    public Task<byte[]> SerializeAsync(T data, SerializationContext context) => serializer.SerializeAsync(data, context);
}

/// <summary>Reads what <see cref="MassTransitJsonSerializer{T}"/> writes.</summary>
public sealed class MassTransitJsonDeserializer<T> : IDeserializer<T>
{
    /// <summary>Nothing, and a value of no bytes, is <see langword="default"/>.</summary>
    /// <exception cref="JsonException">It is not JSON of the type; the record goes to the dead-letter topic.</exception>
    public T Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context) =>
        data.IsEmpty ? default! : JsonSerializer.Deserialize<T>(data, SystemTextJsonMessageSerializer.Options)!;
}

/// <summary>How headers are written and read where nothing else is said.</summary>
public static class DictionaryHeadersSerialize
{
    /// <summary>Ids and all else as UTF-8 text.</summary>
    public static readonly IHeadersSerializer Serializer = WireHeaders.Instance;

    /// <summary>All values are text; of a key that is there twice the first one counts.</summary>
    public static readonly IHeadersDeserializer Deserializer = WireHeaders.Instance;
}
