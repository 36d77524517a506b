using System.Diagnostics;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// What may be committed of one partition: the lowest offset in flight or, with none in flight, the one after the
/// highest seen. So an offset is committed only once it and everything before it is done; gaps (compacted topics,
/// transaction markers) do no harm, and it never moves back.
/// </summary>
internal sealed class Checkpoint
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

    // Not under the gate: asked of every record.
    private bool revoked;
    private int running;

    /// <summary>The partition belongs to somebody else, or stands still: what is queued is not started.</summary>
    public bool IsRevoked => Volatile.Read(ref revoked);

    /// <summary>Records that have started and not ended.</summary>
    public int Running => Volatile.Read(ref running);

    /// <summary>How far reading is ahead of what may be committed.</summary>
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

    /// <summary>What everything before is done.</summary>
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

    /// <summary>How long the oldest record that is done waits for its commit.</summary>
    public TimeSpan CommitAge
    {
        get
        {
            lock (gate)
            {
                return doneAt is { } since ? Stopwatch.GetElapsedTime(since) : TimeSpan.Zero;
            }
        }
    }

    // Only under the gate.
    private long Lowest => Math.Min(inFlight.Count > 0 ? inFlight.Min : next, abandoned);

    /// <summary>From now on nothing starts that is not <see cref="Running"/> yet.</summary>
    public void Revoke() => Interlocked.Exchange(ref revoked, true);

    /// <summary>Returns how far reading is ahead now.</summary>
    public long Begin(long offset)
    {
        lock (gate)
        {
            inFlight.Add(offset);
            next = Math.Max(next, offset + 1);
            return next - Lowest;
        }
    }

    /// <summary>Whether a record may start; one that may not is left to the next owner.</summary>
    public bool TryStart(long offset)
    {
        // Counted before it asks, and left out again: whoever revokes waits for what is counted.
        Interlocked.Increment(ref running);
        if (!IsRevoked)
        {
            return true;
        }

        Abandon(offset);
        return false;
    }

    /// <summary>A record that has started is done. Returns how many are since the last commit.</summary>
    public int Done(long offset)
    {
        int done;
        lock (gate)
        {
            inFlight.Remove(offset);
            doneAt ??= Stopwatch.GetTimestamp();
            done = ++doneSinceCommit;
        }

        // Last: who waits for it to end then commits it.
        Interlocked.Decrement(ref running);
        return done;
    }

    /// <summary>A record that has started is not done and will not be here: nothing from it on may be committed.</summary>
    public void Abandon(long offset)
    {
        lock (gate)
        {
            inFlight.Remove(offset);
            abandoned = Math.Min(abandoned, offset);
        }

        Interlocked.Decrement(ref running);
    }

    /// <summary>The partition stands still at a record: nothing from it on is committed, and nothing more is started.</summary>
    public void StopAt(long offset)
    {
        lock (gate)
        {
            abandoned = Math.Min(abandoned, offset);
        }

        Revoke();
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

            // Those done while the commit was on its way count for the next one.
            doneSinceCommit -= coveredByCommit;
            coveredByCommit = 0;
            doneAt = doneSinceCommit > 0 ? Stopwatch.GetTimestamp() : null;
        }
    }
}
