using ProductCache.TestSupport.Servers;

namespace ProductCache.Chaos;

/// <summary>One run: faults during reads and writes, then recovery, a quiet time and the checks.</summary>
internal static class ChaosRun
{
    private const int Clean = 0;
    private const int Violated = 1;

    /// <summary>The quiet time without faults and writes, after which caches and PostgreSQL must agree. Readers continue meanwhile.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(10);

    /// <summary>The time for everything beside the schedule: starts, recovery, checks.</summary>
    private static readonly TimeSpan Overhead = TimeSpan.FromMinutes(5);

    public static async Task<int> RunAsync(Arguments arguments, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(arguments.Length + Overhead);
        await using var kafka = await TestServers.StartKafkaAsync();
        var schedule = Schedule.Of(arguments.Seed, arguments.Length, kafka.CanStop);
        if (!kafka.CanStop)
        {
            Console.WriteLine("This run has no Kafka faults: no broker is available that may be stopped.");
        }

        await using var testBed = await TestBed.StartAsync(kafka, arguments.Fault);
        try
        {
            return await JudgeAsync(testBed, schedule, arguments, limit.Token);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            testBed.KeepLogs();
            await Console.Error.WriteLineAsync($"The service logs are in {testBed.LogFolder}");
            throw;
        }
    }

    private static async Task<int> JudgeAsync(TestBed testBed, Schedule schedule, Arguments arguments, CancellationToken cancellationToken)
    {
        var (history, state) = await RecordAsync(testBed, schedule, arguments.Seed, cancellationToken);
        var violations = Checks.All(history, state).ToList();
        Console.Write(Report.Of(history, state, violations));
        Console.WriteLine();
        if (violations.Count == 0 && !arguments.Keep)
        {
            Console.WriteLine("No violations.");
            return Clean;
        }

        testBed.KeepLogs();
        await File.WriteAllTextAsync(Path.Combine(testBed.LogFolder, "evidence.txt"), Report.Evidence(history, violations), cancellationToken);
        Console.WriteLine($"{violations.Count} violations. The service logs and the history of these products are in {testBed.LogFolder}");
        return violations.Count == 0 ? Clean : Violated;
    }

    private static async Task<(History History, FinalState State)> RecordAsync(
        TestBed testBed, Schedule schedule, int seed, CancellationToken cancellationToken)
    {
        var clock = new RunClock();
        var catalogue = new Catalogue();
        await using var postgres = testBed.OpenPostgres();
        var writers = new Writers(postgres, catalogue, clock, seed);
        await writers.PrepareAsync(cancellationToken);
        clock.Start();
        await using var events = EventLog.Start(testBed.Kafka.Bootstrap, clock);
        Console.WriteLine($"Times are in seconds since {clock.StartedAt:yyyy-MM-ddTHH:mm:ss.fffZ}.");

        var readers = new Readers([.. testBed.Apis], catalogue, clock, seed);
        var faults = new Faults(testBed, clock, fault => Console.WriteLine(
            FormattableString.Invariant($"{fault.Start.TotalSeconds,9:0.000} s  {fault.Plan.Name}, healed at {fault.Healed.TotalSeconds:0.000} s")));
        var meter = new StallMeter(clock);
        var scenarios = new RaceScenarios(testBed, writers, catalogue, clock, seed);
        var evictions = new Evictions(testBed, catalogue, seed);
        using var stopWriting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var stopReading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = Task.WhenAll(readers.RunAsync(stopReading.Token), meter.RunAsync(stopReading.Token), faults.WatchAsync(stopReading.Token));
        var writing = Task.WhenAll(
            writers.RunAsync(schedule.TruncateAt, stopWriting.Token), evictions.RunAsync(stopWriting.Token), scenarios.RunAsync(stopWriting.Token));
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

        var state = await new Inspection(testBed, postgres, readers, events, clock).LookAsync(cancellationToken);
        var transactions = await writers.ResolveAsync(cancellationToken);
        Read[] reads = [.. readers.Reads, .. scenarios.Reads];
        return (new History(transactions, reads, faults.Happened, meter.Measured, faults.Deaths, [.. scenarios.Abandoned], [.. scenarios.Settled], evictions.Count, scenarios.Counts), state);
    }
}
