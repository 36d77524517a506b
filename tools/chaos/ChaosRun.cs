using ProductCache.Chaos.Mapped;
using ProductCache.TestSupport.Servers;

namespace ProductCache.Chaos;

/// <summary>What the checks say of a run.</summary>
/// <param name="Evidence">All that happened to the products of the violations that the report shows.</param>
internal sealed record Judgement(string Report, string Evidence, int Violations);

/// <summary>One run: faults during reads and writes, then recovery, a quiet time and the checks.</summary>
internal static class ChaosRun
{
    private const int Clean = 0;
    private const int Violated = 1;

    /// <summary>With a mapping, one seed in this many has the audit of entries.</summary>
    private const int AuditedOneIn = 4;

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

        // The audit of entries corrects what the checks are to find, so most runs are without it.
        var isAudited = arguments.Seed % AuditedOneIn == 0;
        if (arguments.Mapped)
        {
            Console.WriteLine($"The products are those of a mapping; the audit of entries is {(isAudited ? "on" : "off")}.");
        }

        ProductTables tables = arguments.Mapped ? new ShopTables(arguments.Fault, isAudited) : new BuiltInTables();
        await using var testBed = await TestBed.StartAsync(kafka, tables, arguments.Fault);
        try
        {
            var judgement = arguments.Mapped
                ? await MappedRun.JudgeAsync(testBed, schedule, arguments.Seed, limit.Token)
                : await JudgeAsync(testBed, schedule, arguments.Seed, limit.Token);
            return await TellAsync(testBed, judgement, arguments.Keep, limit.Token);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            testBed.KeepLogs();
            await Console.Error.WriteLineAsync($"The service logs are in {testBed.LogFolder}");
            throw;
        }
    }

    private static async Task<int> TellAsync(TestBed testBed, Judgement judgement, bool keep, CancellationToken cancellationToken)
    {
        Console.Write(judgement.Report);
        Console.WriteLine();
        if (judgement.Violations == 0 && !keep)
        {
            Console.WriteLine("No violations.");
            return Clean;
        }

        testBed.KeepLogs();
        await File.WriteAllTextAsync(Path.Combine(testBed.LogFolder, "evidence.txt"), judgement.Evidence, cancellationToken);
        Console.WriteLine($"{judgement.Violations} violations. The service logs and the history of these products are in {testBed.LogFolder}");
        return judgement.Violations == 0 ? Clean : Violated;
    }

    private static async Task<Judgement> JudgeAsync(TestBed testBed, Schedule schedule, int seed, CancellationToken cancellationToken)
    {
        var (history, state) = await RecordAsync(testBed, schedule, seed, cancellationToken);
        var violations = Checks.All(history, state).ToList();
        return new Judgement(Report.Of(history, state, violations), Report.Evidence(history, violations), violations.Count);
    }

    private static async Task<(History History, FinalState State)> RecordAsync(
        TestBed testBed, Schedule schedule, int seed, CancellationToken cancellationToken)
    {
        var clock = new RunClock();
        var catalogue = new Catalogue();
        await using var postgres = testBed.OpenPostgres();
        var writers = new Writers(postgres, catalogue, new TransactionLog(postgres, clock), clock, seed);
        await writers.PrepareAsync(cancellationToken);
        clock.Start();
        await using var events = EventLog.Start(testBed.Kafka.Bootstrap, testBed.Tables, clock);
        Console.WriteLine($"Times are in seconds since {clock.StartedAt:yyyy-MM-ddTHH:mm:ss.fffZ}.");

        var readers = new Readers([.. testBed.Apis], catalogue, clock, seed);
        var scenarios = new RaceScenarios(testBed, writers, catalogue, clock, seed);
        var course = new Course(testBed, schedule, catalogue, clock, seed);
        await course.RunAsync(
            readers.RunAsync, stop => Task.WhenAll(writers.RunAsync(schedule.TruncateAt, stop), scenarios.RunAsync(stop)), cancellationToken);

        var state = await new Inspection(testBed, postgres, readers, events, clock).LookAsync(cancellationToken);
        var history = course.Happened with
        {
            Transactions = await writers.ResolveAsync(cancellationToken),
            Reads = [.. readers.Reads, .. scenarios.Reads],
            Abandoned = [.. scenarios.Abandoned],
            Settled = [.. scenarios.Settled],
            RaceScenarios = scenarios.Counts,
        };
        return (history, state);
    }
}
