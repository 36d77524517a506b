using KafkaRecord = Confluent.Kafka.ConsumeResult<byte[]?, byte[]?>;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Handles records in the order of their keys: what has a key in common, one after the other as it was added; all else side
/// by side, up to the limit.
/// </summary>
internal sealed class Lanes(int limit, Func<AcceptedRecord[], Task> handle)
{
    /// <summary>After so many handlings other work of the process has its turn.</summary>
    private const int HandlingsPerTurn = 100;

    private readonly Lock gate = new();

    // Only under the gate.
    private readonly Dictionary<RecordKey, Handling> last = new(RecordKey.Comparer);
    private readonly PriorityQueue<Handling, long> ready = new();
    private long added;
    private int running;

    /// <param name="records">What is handled in one go.</param>
    public void Add(AcceptedRecord[] records)
    {
        var handling = new Handling(records);
        lock (gate)
        {
            handling.Place = added++;

            // Where all are handled one after the other, they are in order anyway.
            if (limit > 1)
            {
                LineUp(handling);
            }

            if (handling.Awaited == 0)
            {
                StartOrQueue(handling);
            }
        }
    }

    // Only under the gate.
    private void LineUp(Handling handling)
    {
        foreach (var (record, _) in handling.Records)
        {
            if (!RecordKey.TryGet(record, out var key))
            {
                continue;
            }

            if (last.TryGetValue(key, out var before) && before != handling)
            {
                (before.Following ??= []).Add(handling);
                handling.Awaited++;
            }

            last[key] = handling;
        }
    }

    // Only under the gate.
    private void StartOrQueue(Handling handling)
    {
        if (running == limit)
        {
            // In the order of polling: what is done beyond a record that still waits cannot be committed.
            ready.Enqueue(handling, handling.Place);
        }
        else
        {
            running++;
            _ = Task.Run(() => RunAsync(handling));
        }
    }

    // Goes on with what is ready: to schedule every record takes about as long as to handle it.
    private async Task RunAsync(Handling? handling)
    {
        for (var handled = 1; handling is not null; handled++)
        {
            await handle(handling.Records).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            handling = End(handling);
            if (handled % HandlingsPerTurn == 0)
            {
                await Task.Yield();
            }
        }
    }

    private Handling? End(Handling ended)
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
    private void MakeWay(Handling ended)
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

    private sealed class Handling(AcceptedRecord[] records)
    {
        public AcceptedRecord[] Records => records;

        /// <summary>In the order of polling.</summary>
        public long Place { get; set; }

        /// <summary>How many handlings must end before this one may start; only under the gate.</summary>
        public int Awaited { get; set; }

        /// <summary>Those that wait for this one; only under the gate.</summary>
        public List<Handling>? Following { get; set; }
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
