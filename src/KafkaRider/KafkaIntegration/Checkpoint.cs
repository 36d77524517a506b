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
    private int doneSinceCommit;
    private bool revoked;

    /// <summary>The partition belongs to somebody else: what is queued need not be started.</summary>
    public bool IsRevoked => Volatile.Read(ref revoked);

    public int InFlight
    {
        get
        {
            lock (gate)
            {
                return inFlight.Count;
            }
        }
    }

    public void Revoke() => Volatile.Write(ref revoked, true);

    public void Begin(long offset)
    {
        lock (gate)
        {
            inFlight.Add(offset);
            next = Math.Max(next, offset + 1);
        }
    }

    /// <summary>Returns how many records are done since the last commit.</summary>
    public int Done(long offset)
    {
        lock (gate)
        {
            inFlight.Remove(offset);
            return ++doneSinceCommit;
        }
    }

    /// <summary>The record is not done and will not be here: nothing from it on may be committed.</summary>
    public void Abandon(long offset)
    {
        lock (gate)
        {
            inFlight.Remove(offset);
            abandoned = Math.Min(abandoned, offset);
        }
    }

    /// <summary>The offset to commit, if it is beyond the last one.</summary>
    public bool TryGetCommittable(out long offset)
    {
        lock (gate)
        {
            offset = Math.Min(inFlight.Count > 0 ? inFlight.Min : next, abandoned);
            return offset > committed && offset > 0;
        }
    }

    public void Committed(long offset)
    {
        lock (gate)
        {
            committed = Math.Max(committed, offset);
            doneSinceCommit = 0;
        }
    }
}
