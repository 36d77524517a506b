using System.Globalization;

namespace ProductCache.Chaos;

/// <summary>What a person wants to know after a run.</summary>
internal static class Report
{
    private const int EvidencePerKind = 5;

    private static readonly ViolationKind[] Kinds =
    [
        ViolationKind.UnknownValue, ViolationKind.WentBack, ViolationKind.CacheDiffers, ViolationKind.NearCacheBehind, ViolationKind.NotFresh,
        ViolationKind.OldWithoutKafka, ViolationKind.LeftBehind, ViolationKind.LostEvent, ViolationKind.DeadLetter, ViolationKind.WrongAnswer, ViolationKind.WithoutVersion,
    ];

    public static string Of(History history, FinalState state, IReadOnlyCollection<Violation> violations)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        text.WriteLine();
        WriteReads(text, history);
        WriteWrites(text, history, state);
        WriteFaults(text, history);
        text.WriteLine($"{"scenarios",-19}   {history.RaceScenarios}");
        WriteMachine(text, history);
        WriteStaleness(text, "staleness of reads, ms", Staleness.ByFault(history, new Timelines(history.Transactions)));
        WriteViolations(text, violations, Kinds);
        return text.ToString();
    }

    /// <summary>All that happened to the products of the violations that the report shows.</summary>
    public static string Evidence(History history, IReadOnlyCollection<Violation> violations)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        var timelines = new Timelines(history.Transactions);
        foreach (var id in ShownProducts(violations, Kinds))
        {
            var lines = timelines.Of(id).States.Select(state => (At: state.CommitStart, Line: $"       {Checks.Describe(state)}"))
                .Concat(history.Reads.Where(read => read.Id == id).Select(read => (At: read.Start, Line: Checks.Describe(read))))
                .Concat(FaultLines(history));
            WriteEvidence(text, id, lines);
        }

        return text.ToString();
    }

    /// <summary>The products of the violations that the report shows.</summary>
    public static IEnumerable<long> ShownProducts(IReadOnlyCollection<Violation> violations, IEnumerable<ViolationKind> kinds) =>
        kinds.SelectMany(kind => FirstOf(violations, kind)).Select(violation => violation.Id).Where(id => id != 0).Distinct().Order();

    public static IEnumerable<(TimeSpan At, string Line)> FaultLines(History history) =>
        history.Faults.SelectMany(fault => new[] { (At: fault.Start, Line: $"---- {fault.Plan}"), (At: fault.Healed, Line: "---- healed") });

    public static void WriteEvidence(StringWriter text, long id, IEnumerable<(TimeSpan At, string Line)> lines)
    {
        text.WriteLine($"product {id}");
        foreach (var (at, line) in lines.OrderBy(line => line.At))
        {
            text.WriteLine($"{at.TotalSeconds,10:0.000} s  {line}");
        }
    }

    public static void WriteReads(StringWriter text, History history)
    {
        var answers = history.Reads
            .GroupBy(read => read.Failure == ReadFailure.None ? read.Status.ToString(CultureInfo.InvariantCulture) : $"{read.Failure} failed")
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => $"{group.Key}: {group.Count()}");
        var sources = history.Reads.Where(read => read.Source != Source.None)
            .GroupBy(read => read.Source)
            .OrderBy(group => group.Key)
            .Select(group => $"{group.Key.ToString().ToLowerInvariant()}: {group.Count()}");
        text.WriteLine($"{"reads",-10}{history.Reads.Count,9}   {string.Join(", ", answers)}; {string.Join(", ", sources)}");
    }

    private static void WriteWrites(StringWriter text, History history, FinalState state)
    {
        var committed = history.Transactions.Where(transaction => transaction.Outcome == TransactionOutcome.Committed).ToList();
        var changes = committed.SelectMany(transaction => transaction.Changes)
            .GroupBy(change => change.Kind)
            .OrderBy(group => group.Key)
            .Select(group => $"{group.Key.ToString().ToLowerInvariant()}: {group.Count()}");
        text.WriteLine(
            $"{"writes",-10}{committed.Count,9}   {string.Join(", ", changes)}; {history.Transactions.Count - committed.Count} transactions rolled back");
        var outbox = state.Outbox is { } rows ? $"{rows} rows left in the outbox" : "no outbox table";
        var forgotten = state.Forgotten.Count > 0 ? $"; the embedded Kafka dropped {state.Forgotten.Sum(events => events.Count)} more before they were read" : string.Empty;
        text.WriteLine($"{"events",-10}{state.Events.Count,9}   {outbox}{forgotten}; {state.Redis.Count} entries in Redis, {state.Rows.Count} rows in PostgreSQL");
    }

    public static void WriteFaults(StringWriter text, History history)
    {
        text.WriteLine($"{"faults",-10}{history.Faults.Count,9}   and {history.Evictions} entries evicted from Redis");
        foreach (var group in history.Faults.GroupBy(fault => fault.Plan.Name).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            text.WriteLine($"{string.Empty,-10}{group.Count(),9}   {group.Key}");
        }
    }

    public static void WriteMachine(StringWriter text, History history)
    {
        var (measured, waiting) = (
            history.Stalls.Sum(stall => (stall.Until - stall.At).TotalSeconds), history.Stalls.Sum(stall => stall.Lateness.TotalSeconds));
        text.WriteLine($"{"machine",-10}{waiting / measured,9:0%}   of the time, a thread waited for a processor; the limit for late reads is extended by that");
    }

    /// <param name="groups">The staleness of reads, sorted, by the name of the group.</param>
    public static void WriteStaleness(StringWriter text, string title, IEnumerable<(string Name, TimeSpan[] Sorted)> groups)
    {
        text.WriteLine();
        text.WriteLine($"{title,-44}{"reads",9}{"stale",9}{"p50",9}{"p99",9}{"max",9}");
        foreach (var (name, sorted) in groups)
        {
            var stale = sorted.Count(staleness => staleness > TimeSpan.Zero);
            text.WriteLine(
                $"{name,-44}{sorted.Length,9}{stale,9}{Percentile(sorted, 0.5),9:0.0}{Percentile(sorted, 0.99),9:0.0}{sorted[^1].TotalMilliseconds,9:0.0}");
        }
    }

    /// <param name="kinds">All kinds of this run.</param>
    public static void WriteViolations(StringWriter text, IReadOnlyCollection<Violation> violations, IEnumerable<ViolationKind> kinds)
    {
        text.WriteLine();
        text.WriteLine("violations");
        foreach (var kind in kinds)
        {
            text.WriteLine($"  {Name(kind),-62}{violations.Count(violation => violation.Kind == kind),9}");
            foreach (var violation in FirstOf(violations, kind))
            {
                text.WriteLine($"      {violation.At.TotalSeconds:0.000} s: {violation.Evidence}");
            }
        }
    }

    private static IEnumerable<Violation> FirstOf(IEnumerable<Violation> violations, ViolationKind kind) =>
        violations.Where(violation => violation.Kind == kind).OrderBy(violation => violation.At).Take(EvidencePerKind);

    public static double Percentile(TimeSpan[] sorted, double fraction) => sorted[(int)(fraction * (sorted.Length - 1))].TotalMilliseconds;

    private static string Name(ViolationKind kind) => kind switch
    {
        ViolationKind.UnknownValue => "a read returned a value that no transaction committed",
        ViolationKind.WentBack => "a client read an older version than before",
        ViolationKind.CacheDiffers => "a cache differs from PostgreSQL after the quiet time",
        ViolationKind.NotFresh => "a read with no-cache returned an older row than PostgreSQL had",
        ViolationKind.OldWithoutKafka => "a read during an outage of Kafka was older than the limit",
        ViolationKind.NearCacheBehind => "a near cache lagged behind Redis by more than the limit",
        ViolationKind.LeftBehind => "an entry exists although no reader requested it",
        ViolationKind.DeadLetter => "a message became a dead letter",
        ViolationKind.LostEvent => "a committed change has no event",
        ViolationKind.WithoutVersion => "a row still has no version",
        ViolationKind.ServedBeyondEnd => "a price was served beyond its end",
        ViolationKind.NotDrawn => "a committed change of a product drew no version",
        ViolationKind.OtherOrder => "the versions of a product are not in the order of the commits",
        ViolationKind.DeadlockAtCommit => "a transaction was ended at its commit because of a deadlock",
        ViolationKind.Leftover => "the schema of the service is not as it should be at rest",
        _ => "an undocumented or late answer, or a process died",
    };
}
