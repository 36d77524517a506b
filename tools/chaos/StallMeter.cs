using System.Collections.Concurrent;
using System.Globalization;

namespace ProductCache.Chaos;

/// <summary>The times at which processes waited for a processor.</summary>
internal sealed class Stalls(IEnumerable<Stall> stalls)
{
    private readonly Stall[] stalls = [.. stalls];

    /// <summary>The total waiting time of the samples that overlap this span.</summary>
    public TimeSpan Within(TimeSpan start, TimeSpan end) => stalls
        .Where(stall => stall.Until > start && stall.At < end)
        .Aggregate(TimeSpan.Zero, (sum, stall) => sum + stall.Lateness);
}

/// <summary>
/// Measures stalls in two ways: how late a periodic timer fires on the thread pool of the readers, and, if the kernel provides pressure
/// stall information, how long any task waited for a processor.
/// </summary>
internal sealed class StallMeter(RunClock clock)
{
    private const string Pressure = "/proc/pressure/cpu";

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentQueue<Stall> stalls = new();

    public IReadOnlyList<Stall> Measured => [.. stalls];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var (start, stalled) = (clock.Now, ReadStalled());
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(Interval, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var (end, stalledNow) = (clock.Now, ReadStalled());
            var (late, inLine) = (end - start - Interval, stalledNow - stalled);
            stalls.Enqueue(new Stall(start, end, late > inLine ? late : inLine));
            (start, stalled) = (end, stalledNow);
        }
    }

    // some avg10=36.00 avg60=78.59 avg300=79.91 total=3504429363, in microseconds
    private static TimeSpan ReadStalled()
    {
        try
        {
            var text = File.ReadAllText(Pressure);
            var total = text[..text.IndexOf('\n')].Split("total=")[^1];
            return TimeSpan.FromMicroseconds(long.Parse(total, CultureInfo.InvariantCulture));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return TimeSpan.Zero;
        }
    }
}
