using System.Text.Json;
using Confluent.Kafka;
using MassTransit.Serialization;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration.Serializers;

/// <summary>Writes the headers of a record.</summary>
public interface IHeadersSerializer
{
    /// <summary>Creates the headers of a message after all send pipes.</summary>
    Confluent.Kafka.Headers Serialize(SendContext context);
}

/// <summary>Reads the headers of a record.</summary>
public interface IHeadersDeserializer
{
    /// <summary>Reads all headers. If it throws, the record goes to the dead-letter topic.</summary>
    IHeaderProvider Deserialize(Confluent.Kafka.Headers headers);
}

/// <summary>Creates the serializers of keys and values.</summary>
public interface IKafkaSerializerFactory
{
    /// <summary>The format of the values. It is not written to records, because they have no envelope.</summary>
    System.Net.Mime.ContentType ContentType { get; }

    /// <summary>The deserializer of keys or values of one type.</summary>
    IDeserializer<T> GetDeserializer<T>();

    /// <summary>The serializer of keys or values of one type.</summary>
    IAsyncSerializer<T> GetSerializer<T>();
}

/// <summary>
/// Writes keys or values as JSON with MassTransit's options; also values of simple types, for which the default is Kafka's own encodings.
/// <see langword="null"/> is written as the text <c>null</c>.
/// </summary>
public sealed class MassTransitJsonSerializer<T> : ISerializer<T>, IAsyncSerializer<T>
{
    /// <summary>Returns the JSON of the key or value.</summary>
    public byte[] Serialize(T data, SerializationContext context) =>
        JsonSerializer.SerializeToUtf8Bytes(data, SystemTextJsonMessageSerializer.Options);

    /// <inheritdoc cref="Serialize"/>
    public Task<byte[]> SerializeAsync(T data, SerializationContext context) => Task.FromResult(Serialize(data, context));
}

/// <inheritdoc cref="MassTransitJsonSerializer{T}"/>
public sealed class MassTransitAsyncJsonSerializer<T> : IAsyncSerializer<T>
{
    private readonly MassTransitJsonSerializer<T> serializer = new();

    /// <summary>Returns the JSON of the key or value.</summary>
    public Task<byte[]> SerializeAsync(T data, SerializationContext context) => serializer.SerializeAsync(data, context);
}

/// <summary>Reads what <see cref="MassTransitJsonSerializer{T}"/> writes.</summary>
public sealed class MassTransitJsonDeserializer<T> : IDeserializer<T>
{
    /// <summary>Reads a key or value; null and an empty array are <see langword="default"/>.</summary>
    /// <exception cref="JsonException">The data are not JSON of the type; the record goes to the dead-letter topic.</exception>
    public T Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context) =>
        data.IsEmpty ? default! : JsonSerializer.Deserialize<T>(data, SystemTextJsonMessageSerializer.Options)!;
}

/// <summary>The default serializers of headers.</summary>
public static class DictionaryHeadersSerialize
{
    /// <summary>Writes ids and all other headers as UTF-8 text.</summary>
    public static readonly IHeadersSerializer Serializer = WireHeaders.Instance;

    /// <summary>Reads all headers as UTF-8 text; if a key occurs twice, the first one counts.</summary>
    public static readonly IHeadersDeserializer Deserializer = WireHeaders.Instance;
}
