using System.Diagnostics;

namespace ProductCache.Chaos;

/// <summary>Time since the start of the run, which <see cref="Start"/> moves to now.</summary>
internal sealed class RunClock
{
    private long started = Stopwatch.GetTimestamp();

    /// <summary>The start of the run, to find a time of the report in a log.</summary>
    public DateTimeOffset StartedAt { get; private set; } = DateTimeOffset.UtcNow;

    public TimeSpan Now => Stopwatch.GetElapsedTime(started);

    /// <summary>A time of the clock of this machine.</summary>
    public TimeSpan Of(DateTime utc) => utc - StartedAt.UtcDateTime;

    /// <summary>Called before any use of the clock.</summary>
    public void Start() => (started, StartedAt) = (Stopwatch.GetTimestamp(), DateTimeOffset.UtcNow);

    public Task UntilAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        var wait = time - Now;
        return wait > TimeSpan.Zero ? Task.Delay(wait, cancellationToken) : Task.CompletedTask;
    }
}
