namespace MassTransit.KafkaIntegration;

internal static class Milliseconds
{
    /// <summary>As librdkafka takes times.</summary>
    public static int? InMilliseconds(this TimeSpan? time) => (int?)time?.TotalMilliseconds;
}
