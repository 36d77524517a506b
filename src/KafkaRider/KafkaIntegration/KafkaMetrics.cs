using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace MassTransit.KafkaIntegration;

/// <summary>The rider's meter, <c>KafkaRider</c>.</summary>
internal static class KafkaMetrics
{
    private static readonly Meter Meter = new("KafkaRider");

    private static readonly Counter<long> Handled = Meter.CreateCounter<long>(
        "kafka_rider.records.handled", "{record}", "Records whose consumers succeeded.");

    private static readonly Counter<long> DeadLettered = Meter.CreateCounter<long>(
        "kafka_rider.records.dead_lettered", "{record}", "Records that went to a dead-letter topic.");

    public static void CountHandled(string topic, string group, int count) =>
        Handled.Add(count, new TagList { { "topic", topic }, { "group", group } });

    public static void CountDeadLettered(string topic, string group, string stage) =>
        DeadLettered.Add(1, new TagList { { "topic", topic }, { "group", group }, { "stage", stage } });
}
