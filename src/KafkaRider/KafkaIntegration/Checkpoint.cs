using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// The offset of one partition that may be committed: the lowest offset in flight or, with nothing in flight, the one after the highest that was
/// read. So an offset is committed only after it and all before it are done. Gaps (compacted topics, transaction markers) do no harm, and
/// it never moves back.
/// </summary>
/// <param name="time">Measures the age of records that are not committed.</param>
/// <param name="stopped">Called when the partition stops at a record.</param>
internal sealed class Checkpoint(TimeProvider time, Action<Checkpoint, TopicPartitionOffset, Exception> stopped)
{
    private readonly Lock gate = new();

    // Only under the gate.
    private readonly SortedSet<long> inFlight = [];
    private long next = -1;
    private long committed = -1;
    private long abandoned = long.MaxValue;
    private long? doneAt;
    private int doneSinceCommit;
    private int coveredByCommit;

    // Not under the gate: read for every record.
    private bool revoked;
    private int running;

    /// <summary>The partition belongs to another member, or has stopped: queued records do not start.</summary>
    public bool IsRevoked => Volatile.Read(ref revoked);

    /// <summary>The number of records that have started and not ended.</summary>
    public int Running => Volatile.Read(ref running);

    /// <summary>How far reading is ahead of the offset that may be committed.</summary>
    public long Ahead
    {
        get
        {
            lock (gate)
            {
                return next - Lowest;
            }
        }
    }

    /// <summary>The offset before which all records are done.</summary>
    public long Position
    {
        get
        {
            lock (gate)
            {
                return Lowest;
            }
        }
    }

    /// <summary>How long the oldest record that is done has waited for its commit.</summary>
    public TimeSpan CommitAge
    {
        get
        {
            lock (gate)
            {
                return doneAt is { } since ? time.GetElapsedTime(since) : TimeSpan.Zero;
            }
        }
    }

    // Only under the gate.
    private long Lowest => Math.Min(inFlight.Count > 0 ? inFlight.Min : next, abandoned);

    /// <summary>No further record starts.</summary>
    public void Revoke() => Interlocked.Exchange(ref revoked, true);

    /// <summary>A record was read.</summary>
    /// <returns>How far reading is ahead now, in offsets.</returns>
    public long Begin(long offset)
    {
        lock (gate)
        {
            inFlight.Add(offset);
            next = Math.Max(next, offset + 1);
            return next - Lowest;
        }
    }

    /// <summary>Starts a record, unless the partition was revoked: then the record is left to the next owner.</summary>
    public bool TryStart(long offset)
    {
        // 1. A record is counted. 2. It checks whether the partition was revoked, and is discounted if it was. A revocation waits until the
        // count is zero, so it misses no record that checked before it.
        Interlocked.Increment(ref running);
        if (!IsRevoked)
        {
            return true;
        }

        Abandon(offset);
        return false;
    }

    /// <summary>A record that has started is done.</summary>
    /// <returns>How many are done since the last commit.</returns>
    public int Done(long offset)
    {
        int done;
        lock (gate)
        {
            inFlight.Remove(offset);
            doneAt ??= time.GetTimestamp();
            done = ++doneSinceCommit;
        }

        // Last: a drain that waits for the record commits it next.
        Interlocked.Decrement(ref running);
        return done;
    }

    /// <summary>A record that has started will not be done here: neither it nor any later one may be committed.</summary>
    public void Abandon(long offset)
    {
        lock (gate)
        {
            inFlight.Remove(offset);
            abandoned = Math.Min(abandoned, offset);
        }

        Interlocked.Decrement(ref running);
    }

    /// <summary>The partition stops at a record: neither it nor any later one is committed, and no further record starts.</summary>
    public void StopAt(TopicPartitionOffset at, Exception reason)
    {
        lock (gate)
        {
            abandoned = Math.Min(abandoned, at.Offset.Value);
        }

        Revoke();
        stopped(this, at, reason);
    }

    /// <summary>The offset to commit, if it is beyond the last one.</summary>
    public bool TryGetCommittable(out long offset)
    {
        lock (gate)
        {
            coveredByCommit = doneSinceCommit;
            offset = Lowest;
            return offset > committed && offset > 0;
        }
    }

    public void Committed(long offset)
    {
        lock (gate)
        {
            committed = Math.Max(committed, offset);

            // Records that were done while the commit was on its way count for the next one.
            doneSinceCommit -= coveredByCommit;
            coveredByCommit = 0;
            doneAt = doneSinceCommit > 0 ? time.GetTimestamp() : null;
        }
    }
}
