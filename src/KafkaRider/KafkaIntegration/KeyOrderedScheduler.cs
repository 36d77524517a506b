using KafkaRecord = Confluent.Kafka.ConsumeResult<byte[]?, byte[]?>;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Handles records in the order of their keys: what has a key in common, one after the other as it was added; all else side
/// by side, up to the limit.
/// </summary>
internal sealed class KeyOrderedScheduler(int limit, Func<AcceptedRecord[], Task> handle)
{
    /// <summary>After so many items other work of the process has its turn.</summary>
    private const int ItemsPerTurn = 100;

    private readonly Lock gate = new();

    // Only under the gate.
    private readonly Dictionary<RecordKey, WorkItem> last = new(RecordKey.Comparer);
    private readonly PriorityQueue<WorkItem, long> ready = new();
    private long added;
    private int running;

    /// <param name="records">What is handled in one go.</param>
    public void Add(AcceptedRecord[] records)
    {
        var item = new WorkItem(records);
        lock (gate)
        {
            item.Place = added++;

            // Where all are handled one after the other, they are in order anyway.
            if (limit > 1)
            {
                LineUp(item);
            }

            if (item.Awaited == 0)
            {
                StartOrQueue(item);
            }
        }
    }

    // Only under the gate.
    private void LineUp(WorkItem item)
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
            // In the order of polling: what is done beyond a record that still waits cannot be committed.
            ready.Enqueue(item, item.Place);
        }
        else
        {
            running++;
            _ = Task.Run(() => RunAsync(item));
        }
    }

    // Goes on with what is ready: to schedule every record takes about as long as to handle it.
    private async Task RunAsync(WorkItem? item)
    {
        for (var handled = 1; item is not null; handled++)
        {
            await handle(item.Records).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            item = End(item);
            if (handled % ItemsPerTurn == 0)
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
                MakeWay(ended);
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
    private void MakeWay(WorkItem ended)
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

    private sealed class WorkItem(AcceptedRecord[] records)
    {
        public AcceptedRecord[] Records => records;

        /// <summary>In the order of polling.</summary>
        public long Place { get; set; }

        /// <summary>How many items must end before this one may start; only under the gate.</summary>
        public int Awaited { get; set; }

        /// <summary>Those that wait for this one; only under the gate.</summary>
        public List<WorkItem>? Following { get; set; }
    }

    /// <summary>A record's place in the order: the same key in the same partition.</summary>
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

/// <summary>A polled record, and the checkpoint that is told when it is done.</summary>
internal readonly record struct AcceptedRecord(KafkaRecord Record, Checkpoint Checkpoint);
