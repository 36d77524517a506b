namespace ProductCache.Chaos;

/// <summary>What every run does: faults during reads and writes, and then a quiet time. Readers continue until its end.</summary>
internal sealed class Course(TestBed testBed, Schedule schedule, Catalogue catalogue, RunClock clock, int seed)
{
    /// <summary>The quiet time without faults and writes, after which caches and PostgreSQL must agree.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(10);

    private readonly Faults faults = new(testBed, clock, fault => Console.WriteLine(
        FormattableString.Invariant($"{fault.Start.TotalSeconds,9:0.000} s  {fault.Plan.Name}, healed at {fault.Healed.TotalSeconds:0.000} s")));

    private readonly StallMeter meter = new(clock);
    private readonly Evictions evictions = new(testBed, catalogue, seed);

    /// <summary>What happened, but for reads and writes.</summary>
    public History Happened => new([], [], faults.Happened, meter.Measured, faults.Deaths, [], [], evictions.Count);

    public async Task RunAsync(Func<CancellationToken, Task> readAsync, Func<CancellationToken, Task> writeAsync, CancellationToken cancellationToken)
    {
        using var stopWriting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var stopReading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = Task.WhenAll(readAsync(stopReading.Token), meter.RunAsync(stopReading.Token), faults.WatchAsync(stopReading.Token));
        var writing = Task.WhenAll(writeAsync(stopWriting.Token), evictions.RunAsync(stopWriting.Token));
        try
        {
            await faults.RunAsync(schedule, cancellationToken);
            await clock.UntilAsync(schedule.Length, cancellationToken);
            await stopWriting.CancelAsync();
            await writing;
            await Task.Delay(Quiet, cancellationToken);
        }
        finally
        {
            await stopWriting.CancelAsync();
            await stopReading.CancelAsync();
            await Task.WhenAll(reading, writing);
        }
    }
}
