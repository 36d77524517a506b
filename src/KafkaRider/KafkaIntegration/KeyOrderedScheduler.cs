using KafkaRecord = Confluent.Kafka.ConsumeResult<byte[]?, byte[]?>;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Runs work items in the order of their keys: items with a key in common run one after the other, in the order in which they were added; all
/// others run side by side, up to the limit. It outlives the sessions of a consumer, so that the order and the limit do too.
/// </summary>
internal sealed class KeyOrderedScheduler(int limit)
{
    /// <summary>After as many items the thread is yielded to other work of the process.</summary>
    private const int ItemsPerTurn = 100;

    private readonly Lock gate = new();

    // Only under the gate.
    private readonly Dictionary<RecordKey, WorkItem> last = new(RecordKey.Comparer);
    private readonly PriorityQueue<WorkItem, long> ready = new();
    private long added;
    private int running;

    /// <param name="records">The records of one work item.</param>
    /// <param name="process">Processes them. The scheduler ignores its failures.</param>
    public void Add(AcceptedRecord[] records, Func<AcceptedRecord[], Task> process)
    {
        var item = new WorkItem(records, process);
        lock (gate)
        {
            item.Position = added++;

            // With a limit of 1 all items run in order anyway.
            if (limit > 1)
            {
                Enlist(item);
            }

            if (item.Awaited == 0)
            {
                StartOrQueue(item);
            }
        }
    }

    // Only under the gate.
    private void Enlist(WorkItem item)
    {
        foreach (var (record, _) in item.Records)
        {
            if (!RecordKey.TryGet(record, out var key))
            {
                continue;
            }

            if (last.TryGetValue(key, out var before) && before != item)
            {
                (before.Following ??= []).Add(item);
                item.Awaited++;
            }

            last[key] = item;
        }
    }

    // Only under the gate.
    private void StartOrQueue(WorkItem item)
    {
        if (running == limit)
        {
            // In the order of polling: a record that is done cannot be committed while an earlier one waits.
            ready.Enqueue(item, item.Position);
        }
        else
        {
            running++;
            _ = Task.Run(() => RunAsync(item));
        }
    }

    // Continues with the next ready item on the same task: scheduling a task per record takes about as long as handling the record.
    private async Task RunAsync(WorkItem? item)
    {
        for (var ended = 1; item is not null; ended++)
        {
            await item.RunAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            item = End(item);
            if (ended % ItemsPerTurn == 0)
            {
                await Task.Yield();
            }
        }
    }

    private WorkItem? End(WorkItem ended)
    {
        lock (gate)
        {
            if (limit > 1)
            {
                Release(ended);
            }

            if (ready.TryDequeue(out var next, out _))
            {
                return next;
            }

            running--;
            return null;
        }
    }

    // Only under the gate.
    private void Release(WorkItem ended)
    {
        foreach (var (record, _) in ended.Records)
        {
            if (RecordKey.TryGet(record, out var key) && last.TryGetValue(key, out var latest) && latest == ended)
            {
                last.Remove(key);
            }
        }

        foreach (var following in ended.Following ?? [])
        {
            if (--following.Awaited == 0)
            {
                StartOrQueue(following);
            }
        }
    }

    private sealed class WorkItem(AcceptedRecord[] records, Func<AcceptedRecord[], Task> process)
    {
        public AcceptedRecord[] Records => records;

        /// <summary>The item's number in the order of polling.</summary>
        public long Position { get; set; }

        /// <summary>How many items must end before this one may start; only under the gate.</summary>
        public int Awaited { get; set; }

        /// <summary>The items that wait for this one; only under the gate.</summary>
        public List<WorkItem>? Following { get; set; }

        public Task RunAsync() => process(records);
    }

    /// <summary>Records of the same key in the same partition are processed in order.</summary>
    private readonly record struct RecordKey(int Partition, byte[] Key)
    {
        public static readonly IEqualityComparer<RecordKey> Comparer = EqualityComparer<RecordKey>.Create(
            (one, other) => one.Partition == other.Partition && one.Key.AsSpan().SequenceEqual(other.Key),
            record =>
            {
                var hash = default(HashCode);
                hash.Add(record.Partition);
                hash.AddBytes(record.Key);
                return hash.ToHashCode();
            });

        /// <returns>Whether the record has a key.</returns>
        public static bool TryGet(KafkaRecord record, out RecordKey key)
        {
            key = new RecordKey(record.Partition.Value, record.Message.Key ?? []);
            return record.Message.Key is not null;
        }
    }
}

/// <summary>A polled record and the checkpoint of its partition.</summary>
internal readonly record struct AcceptedRecord(KafkaRecord Record, Checkpoint Checkpoint)
{
    /// <summary>Stops the record's partition: the record could not be handled and must not be passed over.</summary>
    public void StopPartition(Exception reason) => Checkpoint.StopAt(Record.TopicPartitionOffset, reason);
}
