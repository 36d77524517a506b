using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using MassTransit;
using MassTransit.KafkaIntegration.Serializers;
using MassTransit.Transports;

namespace ProductCache.RiderTests.UserCode;

/// <summary>Makes a tombstone of any message.</summary>
public sealed class TombstoneSerializer<T> : IAsyncSerializer<T>
{
    public Task<byte[]> SerializeAsync(T data, SerializationContext context) => Task.FromResult(Array.Empty<byte>());
}

/// <summary>JSON behind a mark, which shows who wrote it.</summary>
public sealed class MarkedJson<T> : ISerializer<T>, IDeserializer<T>
{
    public const char Mark = '#';

    public byte[] Serialize(T data, SerializationContext context) => Encoding.UTF8.GetBytes(Mark + JsonSerializer.Serialize(data));

    public T Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context) =>
        data[0] == Mark ? JsonSerializer.Deserialize<T>(data[1..])! : throw new FormatException("This has no mark.");
}

/// <summary>The same for a producer that awaits it, as it would a registry of schemas.</summary>
public sealed class AsyncMarkedJson<T> : IAsyncSerializer<T>
{
    public async Task<byte[]> SerializeAsync(T data, SerializationContext context)
    {
        await Task.Yield();
        return new MarkedJson<T>().Serialize(data, context);
    }
}

/// <summary>Two headers and no more.</summary>
public sealed class TwoHeaders : IHeadersSerializer, IHeadersDeserializer
{
    public Confluent.Kafka.Headers Serialize(SendContext context) =>
    [
        new Header("id", Encoding.UTF8.GetBytes($"{context.MessageId}")),
        new Header("kind", Encoding.UTF8.GetBytes(context.Headers.Get<string>("kind") ?? "none")),
    ];

    public IHeaderProvider Deserialize(Confluent.Kafka.Headers headers) => new DictionaryHeaderProvider(new Dictionary<string, object>
    {
        [nameof(MessageContext.MessageId)] = Encoding.UTF8.GetString(headers.GetLastBytes("id")),
        ["kind"] = Encoding.UTF8.GetString(headers.GetLastBytes("kind")),
    });
}
