namespace MassTransit.KafkaIntegration;

/// <summary>
/// Decides when the partitions of a session are paused and resumed. Polling continues while they are paused, so a slow consumer keeps its
/// partitions. Only the poll thread uses it.
/// </summary>
/// <param name="inFlight">The work items of the endpoint.</param>
/// <param name="messageLimit">How far a partition may be read beyond its first unfinished record, in offsets.</param>
/// <param name="pauseDelay">How long polling stops before a pause.</param>
internal sealed class BackPressure(InFlightCounter inFlight, int messageLimit, TimeSpan pauseDelay)
{
    private Checkpoint? farAhead;
    private bool reassigned;

    /// <summary>Whether the partitions are paused.</summary>
    public bool IsPaused { get; private set; }

    private bool IsFull => inFlight.IsFull || IsFarAhead;

    private bool HasRoom => inFlight.HasRoom && !IsFarAhead;

    // A partition that was stopped or revoked is not read any further.
    private bool IsFarAhead => farAhead is { IsRevoked: false } && farAhead.Ahead >= messageLimit;

    /// <summary>A record was read; its partition is now this many offsets ahead of its first unfinished record.</summary>
    public void Read(Checkpoint checkpoint, long ahead)
    {
        if (ahead >= messageLimit)
        {
            farAhead = checkpoint;
        }
    }

    /// <summary>The group has assigned partitions.</summary>
    public void Reassigned() => reassigned = true;

    /// <summary>Called before each poll. When it returns true the caller must resume all partitions.</summary>
    public bool TryResume()
    {
        // New partitions are not paused and the others still are, so all of them are resumed, and paused again if need be.
        var resume = IsPaused && (reassigned || HasRoom);
        reassigned = false;
        if (resume)
        {
            IsPaused = false;
            farAhead = null;
        }

        return resume;
    }

    /// <summary>Called before each poll. It waits for room first. When it returns true the caller must pause all partitions.</summary>
    /// <exception cref="OperationCanceledException">The endpoint stops.</exception>
    public bool TryPause(CancellationToken stopping)
    {
        if (IsPaused || !IsFull)
        {
            return false;
        }

        inFlight.ClearSignal();
        IsPaused = !HasRoom && !inFlight.WaitForRoom(pauseDelay, stopping);
        return IsPaused;
    }
}
