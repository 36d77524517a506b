namespace ProductCache.TestSupport.Explorer;

/// <summary>A clock that stands still. A handler that waits for it goes on when the explorer fires it.</summary>
internal sealed class StepClock : TimeProvider
{
    private Timer? timer;

    public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch;

    /// <summary>A handler waits for the time to pass.</summary>
    public bool IsWaitedFor
    {
        get
        {
            lock (this)
            {
                return timer is { IsDue: true };
            }
        }
    }

    public override DateTimeOffset GetUtcNow() => Now;

    /// <summary>Not 0, which stands for never.</summary>
    public override long GetTimestamp() => 1;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        lock (this)
        {
            return timer = new Timer(callback, state);
        }
    }

    public void Fire()
    {
        Timer due;
        lock (this)
        {
            due = timer!;
            timer = null;
        }

        due.Fire();
    }

    private sealed class Timer(TimerCallback callback, object? state) : ITimer
    {
        public bool IsDue { get; private set; } = true;

        public void Fire()
        {
            IsDue = false;
            callback(state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose() => IsDue = false;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
