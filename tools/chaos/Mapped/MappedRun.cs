namespace ProductCache.Chaos.Mapped;

/// <summary>A run whose products are those of a mapping.</summary>
internal static class MappedRun
{
    public static async Task<Judgement> JudgeAsync(TestBed testBed, Schedule schedule, int seed, CancellationToken cancellationToken)
    {
        var (history, state) = await RecordAsync(testBed, schedule, seed, cancellationToken);
        var timelines = new ShopTimelines(ShopTables.FirstRows, history);
        var violations = ShopChecks.All(history, state, timelines).ToList();
        return new Judgement(MappedReport.Of(history, state, timelines, violations), MappedReport.Evidence(history, timelines, violations), violations.Count);
    }

    private static async Task<(ShopHistory History, ShopState State)> RecordAsync(TestBed testBed, Schedule schedule, int seed, CancellationToken cancellationToken)
    {
        var tables = (ShopTables)testBed.Tables;
        var clock = new RunClock();
        var catalogue = new Catalogue();
        await using var postgres = testBed.OpenPostgres();
        var log = new TransactionLog(postgres, clock);
        await log.CreateAsync(cancellationToken);
        clock.Start();
        await using var events = EventLog.Start(testBed.Kafka.Bootstrap, tables, clock);
        Console.WriteLine($"Times are in seconds since {clock.StartedAt:yyyy-MM-ddTHH:mm:ss.fffZ}.");

        var writers = new ShopWriters(tables, catalogue, log, clock, seed);
        var readers = new ShopReaders([.. testBed.Apis], tables, catalogue, clock, seed);
        var inspection = new ShopInspection(testBed, postgres, catalogue, readers, events, clock);
        var triggers = await inspection.ReadTriggersAsync(cancellationToken);
        var course = new Course(testBed, schedule, catalogue, clock, seed);
        await course.RunAsync(readers.RunAsync, stop => writers.RunAsync(schedule.TruncateAt, stop), cancellationToken);

        var state = await inspection.LookAsync(triggers, cancellationToken);
        ShopRead[] reads = [.. readers.Reads];
        var history = new ShopHistory(
            course.Happened with { Reads = [.. reads.Select(read => read.Answer)] },
            await writers.ResolveAsync(cancellationToken),
            await inspection.ReadVersionsAsync(cancellationToken),
            reads);
        return (history, state);
    }
}
