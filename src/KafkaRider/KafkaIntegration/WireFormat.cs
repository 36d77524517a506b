using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net.Mime;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using MassTransit.KafkaIntegration.Serializers;
using MassTransit.Serialization;
using MassTransit.Transports;
using ConfluentDeserializers = Confluent.Kafka.Deserializers;
using ConfluentSerializers = Confluent.Kafka.Serializers;
using KafkaHeaders = Confluent.Kafka.Headers;
using Null = Confluent.Kafka.Null;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Keys and values in the format of MassTransit.Kafka: without an envelope; simple types in Kafka's own encodings, all others as JSON with
/// MassTransit's options.
/// </summary>
internal sealed class WireSerializer<T> : IAsyncSerializer<T>, IDeserializer<T>
{
    public static readonly WireSerializer<T> Instance = new();

    public Task<byte[]> SerializeAsync(T data, SerializationContext context) => Task.FromResult(Serialize(data)!);

    // The type of the producer decides, not the type of the value, because the consumer's type decides how it is read. JSON has a text for null.
    public static byte[]? Serialize(T value) => value switch
    {
        _ when typeof(T) == typeof(Null) || typeof(T) == typeof(Ignore) => null,
        null when typeof(T) == typeof(string) || typeof(T) == typeof(byte[]) => null,
        byte[] bytes when typeof(T) == typeof(byte[]) => bytes,
        string text when typeof(T) == typeof(string) => Encoding.UTF8.GetBytes(text),
        int number when typeof(T) == typeof(int) => ConfluentSerializers.Int32.Serialize(number, SerializationContext.Empty),
        long number when typeof(T) == typeof(long) => ConfluentSerializers.Int64.Serialize(number, SerializationContext.Empty),
        float number when typeof(T) == typeof(float) => ConfluentSerializers.Single.Serialize(number, SerializationContext.Empty),
        double number when typeof(T) == typeof(double) => ConfluentSerializers.Double.Serialize(number, SerializationContext.Empty),
        _ => JsonSerializer.SerializeToUtf8Bytes(value, SystemTextJsonMessageSerializer.Options),
    };

    public T Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context)
    {
        var empty = SerializationContext.Empty;
        object? value = typeof(T) switch
        {
            var type when type == typeof(Null) || type == typeof(Ignore) => null,
            var type when type == typeof(byte[]) => isNull ? null : data.ToArray(),
            var type when type == typeof(string) => isNull ? null : Encoding.UTF8.GetString(data),
            var type when type == typeof(int) => ConfluentDeserializers.Int32.Deserialize(data, isNull, empty),
            var type when type == typeof(long) => ConfluentDeserializers.Int64.Deserialize(data, isNull, empty),
            var type when type == typeof(float) => ConfluentDeserializers.Single.Deserialize(data, isNull, empty),
            var type when type == typeof(double) => ConfluentDeserializers.Double.Deserialize(data, isNull, empty),
            _ => data.IsEmpty ? null : JsonSerializer.Deserialize<T>(data, SystemTextJsonMessageSerializer.Options),
        };
        return (T)value!;
    }
}

/// <summary>Creates the <see cref="WireSerializer{T}"/> of any type.</summary>
internal sealed class WireSerializers : IKafkaSerializerFactory
{
    public static readonly WireSerializers Instance = new();

    public ContentType ContentType => SystemTextJsonMessageSerializer.JsonContentType;

    public IDeserializer<T> GetDeserializer<T>() => WireSerializer<T>.Instance;

    public IAsyncSerializer<T> GetSerializer<T>() => WireSerializer<T>.Instance;
}

/// <summary>Headers in the format of MassTransit.Kafka: ids and all others as UTF-8 text.</summary>
internal sealed class WireHeaders : IHeadersSerializer, IHeadersDeserializer
{
    public static readonly WireHeaders Instance = new();

    /// <summary>The header of W3C Trace Context, for consumers that do not know MassTransit's own header.</summary>
    public const string TraceParent = "traceparent";

    public const string TraceState = "tracestate";

    public KafkaHeaders Serialize(SendContext context)
    {
        var headers = new KafkaHeaders();
        foreach (var (key, value) in context.Headers.GetAll())
        {
            if (value is not null && IsWritten(key))
            {
                headers.Add(key, Encoding.UTF8.GetBytes(TextOf(value)));
            }
        }

        Set(headers, nameof(context.MessageId), context.MessageId?.ToString("D"));
        Set(headers, nameof(context.CorrelationId), context.CorrelationId?.ToString("D"));
        Set(headers, nameof(context.ConversationId), context.ConversationId?.ToString("D"));
        Set(headers, nameof(context.InitiatorId), context.InitiatorId?.ToString("D"));
        Set(headers, nameof(context.SourceAddress), context.SourceAddress?.ToString());
        Set(headers, nameof(context.DestinationAddress), context.DestinationAddress?.ToString());
        Set(headers, MessageHeaders.ContentType, context.ContentType?.ToString());
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity)
        {
            Set(headers, TraceParent, activity.Id);
            Set(headers, TraceState, activity.TraceStateString);
        }

        return headers;
    }

    public IHeaderProvider Deserialize(KafkaHeaders headers) => new TextHeaders(headers);

    public static void Set(KafkaHeaders headers, string key, string? text)
    {
        if (text is not null)
        {
            headers.Remove(key);
            headers.Add(key, Encoding.UTF8.GetBytes(text));
        }
    }

    private static bool IsWritten(string key) =>
        !key.StartsWith("MT-Host-", StringComparison.Ordinal)
        && (!key.StartsWith("MT-Fault-", StringComparison.Ordinal) || key is MessageHeaders.FaultMessage or MessageHeaders.FaultInputAddress);

    private static string TextOf(object value) => value switch
    {
        string text => text,
        false => "false",
        Uri uri => uri.ToString(),
        ValueType => Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty,
        _ => JsonSerializer.Serialize(value, SystemTextJsonMessageSerializer.Options),
    };

    private sealed class TextHeaders(KafkaHeaders headers) : IHeaderProvider
    {
        // If a key occurs twice, the first one counts.
        public IEnumerable<KeyValuePair<string, object>> GetAll()
        {
            HashSet<string> seen = [];
            foreach (var header in headers)
            {
                if (seen.Add(header.Key))
                {
                    yield return new KeyValuePair<string, object>(header.Key, TextOf(header)!);
                }
            }
        }

        // A header may have the value null, which the interface's annotation does not allow.
        public bool TryGetHeader(string key, [NotNullWhen(true)] out object? value)
        {
            // Called several times for every record, so it does not allocate an enumerator.
            for (var i = 0; i < headers.Count; i++)
            {
                if (headers[i].Key == key)
                {
                    value = TextOf(headers[i])!;
                    return true;
                }
            }

            value = null;
            return false;
        }

        private static string? TextOf(IHeader header) => header.GetValueBytes() is { } bytes ? Encoding.UTF8.GetString(bytes) : null;
    }
}
