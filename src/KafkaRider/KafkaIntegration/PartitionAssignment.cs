using System.Collections.Concurrent;
using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>The partitions that one client has been assigned, and the progress of each of them.</summary>
internal sealed class PartitionAssignment(TopicEndpoint endpoint, StartOffsets startOffsets)
{
    // Any thread.
    private readonly ConcurrentDictionary<TopicPartition, Checkpoint> checkpoints = new();
    private readonly ConcurrentDictionary<TopicPartition, long> ends = new();
    private bool hasNewStops;

    /// <summary>The checkpoints of all partitions from which records were read.</summary>
    public IEnumerable<KeyValuePair<TopicPartition, Checkpoint>> Checkpoints => checkpoints;

    /// <summary>The number of records that have started and not ended.</summary>
    public int Running => checkpoints.Values.Sum(checkpoint => checkpoint.Running);

    public static string Names(IEnumerable<TopicPartition> partitions) =>
        string.Join(",", partitions.Select(partition => partition.Partition.Value));

    public Checkpoint CheckpointOf(TopicPartition partition) =>
        checkpoints.GetOrAdd(partition, static (_, self) => new Checkpoint(self.Time, self.OnStopped), this);

    /// <summary>The group has assigned the partitions.</summary>
    /// <returns>Where they are read from.</returns>
    public IEnumerable<TopicPartitionOffset> Assign(List<TopicPartition> partitions)
    {
        partitions.ForEach(endpoint.Health.Released);
        return [.. partitions.Select(startOffsets.Of)];
    }

    /// <summary>The group takes the partitions away: queued records do not start any more, and those that run may end within the timeout.</summary>
    public List<KeyValuePair<TopicPartition, Checkpoint>> Revoke(List<TopicPartitionOffset> partitions, TimeSpan drainTimeout)
    {
        var revoked = checkpoints.Where(entry => partitions.Exists(partition => partition.TopicPartition == entry.Key)).ToList();
        Drain(revoked, drainTimeout);
        return revoked;
    }

    /// <summary>The partitions belong to another member now. Called after the last commit for them.</summary>
    public void Release(List<TopicPartitionOffset> partitions, List<KeyValuePair<TopicPartition, Checkpoint>> revoked)
    {
        revoked.ForEach(entry => checkpoints.TryRemove(entry));
        partitions.ForEach(partition => endpoint.Health.Released(partition.TopicPartition));
    }

    /// <summary>Nothing starts any more; what runs may end within the timeout.</summary>
    public void Drain(TimeSpan timeout) => Drain([.. checkpoints], timeout);

    public void Clear() => checkpoints.Clear();

    /// <summary>Whether partitions have stopped since the last call.</summary>
    public bool TakeNewStops() => Interlocked.Exchange(ref hasNewStops, false);

    /// <summary>The brokers have reported the end of a partition: the offset that its next record will have.</summary>
    public void EndsAt(TopicPartition partition, long end) => ends[partition] = end;

    /// <summary>For the metrics.</summary>
    public IEnumerable<PartitionProgress> Progress() => checkpoints.Select(entry => new PartitionProgress(
        endpoint.Settings.IsPattern ? $"{entry.Key.Topic}[{entry.Key.Partition.Value}]" : $"{entry.Key.Partition.Value}",
        Math.Max(0, ends.GetValueOrDefault(entry.Key) - entry.Value.Position),
        entry.Value.CommitAge));

    private TimeProvider Time => endpoint.Time;

    private static void Drain(List<KeyValuePair<TopicPartition, Checkpoint>> drained, TimeSpan timeout)
    {
        drained.ForEach(entry => entry.Value.Revoke());
        SpinWait.SpinUntil(() => drained.TrueForAll(entry => entry.Value.Running == 0), timeout);
    }

    private void OnStopped(Checkpoint stopped, TopicPartitionOffset at, Exception reason)
    {
        // A partition that was revoked meanwhile is stopped by its next owner, if it comes to that.
        if (checkpoints.TryGetValue(at.TopicPartition, out var current) && current == stopped)
        {
            endpoint.Health.Stopped(at, reason);
            Volatile.Write(ref hasNewStops, true);
            RiderLog.PartitionStopped(endpoint.Logger, at.Topic, at.Partition.Value, at.Offset.Value, endpoint.Settings.GroupId, reason.Message);
        }
    }
}
