using System.Collections.Concurrent;

namespace ProductCache.Chaos;

/// <summary>How late timers rang while something else had the processors.</summary>
internal sealed class Hiccups(IEnumerable<Hiccup> hiccups)
{
    private readonly Hiccup[] hiccups = [.. hiccups.OrderBy(hiccup => hiccup.At)];

    /// <summary>All the lateness of timers that should have rung within this span, or ended within it.</summary>
    public TimeSpan Within(TimeSpan start, TimeSpan end) => hiccups
        .Where(hiccup => hiccup.At + hiccup.Lateness > start && hiccup.At < end)
        .Aggregate(TimeSpan.Zero, (sum, hiccup) => sum + hiccup.Lateness);
}

/// <summary>Measures them: a timer that is due again and again, on the same pool that the readers use.</summary>
internal sealed class HiccupMeter(RunClock clock)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Tolerance = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentQueue<Hiccup> hiccups = new();

    public IReadOnlyList<Hiccup> Measured => [.. hiccups];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            var due = clock.Now + Interval;
            await Task.Delay(Interval, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var lateness = clock.Now - due;
            if (lateness > Tolerance)
            {
                hiccups.Enqueue(new Hiccup(due, lateness));
            }
        }
    }
}
