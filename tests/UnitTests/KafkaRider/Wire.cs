using Confluent.Kafka;
using MassTransit.KafkaIntegration;

namespace ProductCache.UnitTests.KafkaRider;

/// <summary>Keys and values as they are on the wire.</summary>
internal static class Wire
{
    public static byte[]? Serialize<T>(T value) => WireSerializer<T>.Serialize(value);

    public static T? Deserialize<T>(byte[]? data) => WireSerializer<T>.Instance.Deserialize(data, data is null, SerializationContext.Empty);
}
