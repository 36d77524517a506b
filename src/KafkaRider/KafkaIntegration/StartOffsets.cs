using System.Collections.Concurrent;
using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>Where each partition is read from when it is assigned.</summary>
/// <param name="configured">The endpoint's <see cref="TopicEndpointSettings.Offset"/>; <see cref="Offset.Unset"/> means the committed offset.</param>
internal sealed class StartOffsets(Offset configured)
{
    // Partitions for which the group has committed since start-up; the configured offset no longer applies to them.
    private readonly ConcurrentDictionary<TopicPartition, bool> committed = new();

    public TopicPartitionOffset Of(TopicPartition partition) => new(partition, committed.ContainsKey(partition) ? Offset.Unset : configured);

    public void Committed(TopicPartition partition) => committed.TryAdd(partition, true);
}
