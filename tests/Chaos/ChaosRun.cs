using ProductCache.TestSupport.Servers;

namespace ProductCache.Chaos;

/// <summary>One run: faults under reads and writes, then healing, quiet, and the verdict.</summary>
internal static class ChaosRun
{
    private const int Clean = 0;
    private const int Violated = 1;

    /// <summary>Without faults and writes, before caches and PostgreSQL must agree. Readers go on meanwhile.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(10);

    /// <summary>For everything beside the schedule: starts, healing, checks.</summary>
    private static readonly TimeSpan Overhead = TimeSpan.FromMinutes(5);

    public static async Task<int> RunAsync(Arguments arguments, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(arguments.Length + Overhead);
        await using var kafka = await TestServers.StartKafkaAsync();
        var schedule = Schedule.Of(arguments.Seed, arguments.Length, kafka.CanStop);
        if (!kafka.CanStop)
        {
            Console.WriteLine("Nothing goes wrong with Kafka in this run: no broker that may be stopped is there.");
        }

        await using var deployment = await Deployment.StartAsync(kafka, arguments.Fault);
        try
        {
            return await JudgeAsync(deployment, schedule, arguments, limit.Token);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            deployment.KeepLogs();
            await Console.Error.WriteLineAsync($"The logs of the services are in {deployment.LogFolder}");
            throw;
        }
    }

    private static async Task<int> JudgeAsync(Deployment deployment, Schedule schedule, Arguments arguments, CancellationToken cancellationToken)
    {
        var (history, state) = await RecordAsync(deployment, schedule, arguments.Seed, cancellationToken);
        var violations = Checks.All(history, state).ToList();
        Console.Write(Report.Of(history, state, violations));
        Console.WriteLine();
        if (violations.Count == 0 && !arguments.Keep)
        {
            Console.WriteLine("No violations.");
            return Clean;
        }

        deployment.KeepLogs();
        await File.WriteAllTextAsync(Path.Combine(deployment.LogFolder, "evidence.txt"), Report.Evidence(history, violations), cancellationToken);
        Console.WriteLine($"{violations.Count} violations. The logs of the services, and what happened to these products, are in {deployment.LogFolder}");
        return violations.Count == 0 ? Clean : Violated;
    }

    private static async Task<(History History, FinalState State)> RecordAsync(
        Deployment deployment, Schedule schedule, int seed, CancellationToken cancellationToken)
    {
        var clock = new RunClock();
        var catalogue = new Catalogue();
        await using var postgres = deployment.OpenPostgres();
        var writers = new Writers(postgres, catalogue, clock, seed);
        await writers.PrepareAsync(cancellationToken);
        clock.Start();
        await using var events = EventLog.Start(deployment.Kafka.Bootstrap, clock);
        Console.WriteLine($"Times are in seconds since {clock.StartedAt:yyyy-MM-ddTHH:mm:ss.fffZ}.");

        var readers = new Readers([.. deployment.Apis], catalogue, clock, seed);
        var faults = new Faults(deployment, clock, fault => Console.WriteLine(
            FormattableString.Invariant($"{fault.Start.TotalSeconds,9:0.000} s  {fault.Plan.Name}, healed at {fault.Healed.TotalSeconds:0.000} s")));
        var meter = new HiccupMeter(clock);
        var trials = new Trials(deployment, writers, catalogue, clock, seed);
        var evictions = new Evictions(deployment, catalogue, seed);
        using var stopWriting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var stopReading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = Task.WhenAll(readers.RunAsync(stopReading.Token), meter.RunAsync(stopReading.Token), faults.WatchAsync(stopReading.Token));
        var writing = Task.WhenAll(
            writers.RunAsync(schedule.TruncateAt, stopWriting.Token), evictions.RunAsync(stopWriting.Token), trials.RunAsync(stopWriting.Token));
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

        var state = await new Inspection(deployment, postgres, readers, events, clock).LookAsync(cancellationToken);
        var transactions = await writers.ResolveAsync(cancellationToken);
        Read[] reads = [.. readers.Reads, .. trials.Reads];
        return (new History(transactions, reads, faults.Happened, meter.Measured, faults.Deaths, [.. trials.Forsaken], [.. trials.Settled], evictions.Count, trials.Counts), state);
    }
}
