namespace MassTransit.KafkaIntegration;

/// <summary>
/// Counts the work items of an endpoint that are queued or run: records, or batches. It outlives the sessions, because a record that ignores
/// its cancellation still occupies its place when the next session starts.
/// </summary>
/// <param name="capacity">With as many items in flight polling stops.</param>
/// <param name="resumeAt">With as few items in flight polling continues.</param>
internal sealed class InFlightCounter(int capacity, int resumeAt)
{
    private readonly ManualResetEventSlim room = new();
    private int count;

    public int Count => Volatile.Read(ref count);

    public bool IsFull => Count >= capacity;

    public bool HasRoom => Count <= resumeAt;

    public void Add() => Interlocked.Increment(ref count);

    public void Remove()
    {
        if (Interlocked.Decrement(ref count) == resumeAt)
        {
            room.Set();
        }
    }

    /// <summary>Clears the signal that <see cref="WaitForRoom"/> waits for. Check for room after this call and before the wait.</summary>
    public void ClearSignal() => room.Reset();

    /// <returns>False: there was no room within the timeout.</returns>
    public bool WaitForRoom(TimeSpan timeout, CancellationToken cancellationToken) => room.Wait(timeout, cancellationToken);
}
