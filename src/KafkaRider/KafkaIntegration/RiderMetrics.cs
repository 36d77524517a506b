using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace MassTransit.KafkaIntegration;

/// <summary>The rider's meter, <c>KafkaRider</c>.</summary>
internal static class RiderMetrics
{
    private static readonly Meter Meter = new("KafkaRider");

    private static readonly Counter<long> Handled = Meter.CreateCounter<long>(
        "kafka_rider.records.handled", "{record}", "Records whose consumers succeeded.");

    private static readonly Counter<long> Retried = Meter.CreateCounter<long>(
        "kafka_rider.records.retried", "{attempt}", "Attempts of consumers after the first one, for records or batches.");

    private static readonly Counter<long> DeadLettered = Meter.CreateCounter<long>(
        "kafka_rider.records.dead_lettered", "{record}", "Records that were moved to a dead-letter topic.");

    private static readonly Counter<long> Rebalances = Meter.CreateCounter<long>(
        "kafka_rider.rebalances", "{rebalance}", "Times that partitions were assigned, revoked or lost.");

    private static readonly ConcurrentDictionary<Func<IEnumerable<PartitionProgress>>, TopicEndpointSettings> Consumers = new();

    static RiderMetrics()
    {
        Meter.CreateObservableGauge(
            "kafka_rider.lag", () => Observe(partition => partition.Lag), "{record}", "Records of a partition that are not finished.");
        Meter.CreateObservableGauge(
            "kafka_rider.commit.age", () => Observe(partition => partition.CommitAge.TotalSeconds), "s", "How long the oldest finished record has waited for its commit.");
    }

    public static void CountHandled(TopicEndpointSettings endpoint, int records, int attempts)
    {
        Handled.Add(records, TagsOf(endpoint));
        if (attempts > 1)
        {
            Retried.Add(attempts - 1, TagsOf(endpoint));
        }
    }

    public static void CountDeadLettered(TopicEndpointSettings endpoint, string stage)
    {
        var tags = TagsOf(endpoint);
        tags.Add("stage", stage);
        DeadLettered.Add(1, tags);
    }

    public static void CountRebalance(TopicEndpointSettings endpoint, string what)
    {
        var tags = TagsOf(endpoint);
        tags.Add("what", what);
        Rebalances.Add(1, tags);
    }

    public static void Add(TopicEndpointSettings endpoint, Func<IEnumerable<PartitionProgress>> progress) => Consumers[progress] = endpoint;

    public static void Remove(Func<IEnumerable<PartitionProgress>> progress) => Consumers.TryRemove(progress, out _);

    private static IEnumerable<Measurement<T>> Observe<T>(Func<PartitionProgress, T> value)
        where T : struct
    {
        foreach (var (progress, endpoint) in Consumers)
        {
            foreach (var partition in progress())
            {
                var tags = TagsOf(endpoint);
                tags.Add("partition", partition.Partition);
                yield return new Measurement<T>(value(partition), tags);
            }
        }
    }

    private static TagList TagsOf(TopicEndpointSettings endpoint) => new() { { "topic", endpoint.Topic }, { "group", endpoint.GroupId } };
}

/// <summary>The progress of a partition.</summary>
internal readonly record struct PartitionProgress(string Partition, long Lag, TimeSpan CommitAge);
