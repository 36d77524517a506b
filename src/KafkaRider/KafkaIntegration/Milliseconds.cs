namespace MassTransit.KafkaIntegration;

internal static class Milliseconds
{
    /// <summary>The unit of librdkafka's settings.</summary>
    public static int? InMilliseconds(this TimeSpan? time) => (int?)time?.TotalMilliseconds;
}
