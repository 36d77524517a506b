using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using MassTransit.Serialization;
using KafkaHeaders = Confluent.Kafka.Headers;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Keys, values and headers as MassTransit.Kafka writes them: no envelope; simple types in Kafka's own encodings, all
/// else as JSON with MassTransit's options; ids as text headers.
/// </summary>
internal static class WireFormat
{
    public static byte[]? Serialize<T>(T value) => value switch
    {
        null or Null => null,
        byte[] bytes => bytes,
        string text => Encoding.UTF8.GetBytes(text),
        int number => Serializers.Int32.Serialize(number, SerializationContext.Empty),
        long number => Serializers.Int64.Serialize(number, SerializationContext.Empty),
        float number => Serializers.Single.Serialize(number, SerializationContext.Empty),
        double number => Serializers.Double.Serialize(number, SerializationContext.Empty),
        _ => JsonSerializer.SerializeToUtf8Bytes(value, SystemTextJsonMessageSerializer.Options),
    };

    public static T? Deserialize<T>(byte[]? data) => (T?)Deserialize(typeof(T), data);

    /// <summary>W3C Trace Context, for those who do not know MassTransit's own header.</summary>
    public const string TraceParent = "traceparent";

    private const string TraceState = "tracestate";

    public static KafkaHeaders HeadersOf(SendContext context)
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

    public static void Set(KafkaHeaders headers, string key, string? text)
    {
        if (text is not null)
        {
            headers.Remove(key);
            headers.Add(key, Encoding.UTF8.GetBytes(text));
        }
    }

    private static object? Deserialize(Type type, byte[]? data) => type switch
    {
        _ when type == typeof(Null) || type == typeof(Ignore) => null,
        _ when type == typeof(byte[]) => data,
        _ when type == typeof(string) => data is null ? null : Encoding.UTF8.GetString(data),
        _ when type == typeof(int) => Deserializers.Int32.Deserialize(data, data is null, SerializationContext.Empty),
        _ when type == typeof(long) => Deserializers.Int64.Deserialize(data, data is null, SerializationContext.Empty),
        _ when type == typeof(float) => Deserializers.Single.Deserialize(data, data is null, SerializationContext.Empty),
        _ when type == typeof(double) => Deserializers.Double.Deserialize(data, data is null, SerializationContext.Empty),
        _ => data is null or [] ? null : JsonSerializer.Deserialize(data, type, SystemTextJsonMessageSerializer.Options),
    };

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
}
