using System.Globalization;

namespace ProductCache.Chaos.Mapped;

/// <summary>What a person wants to know after a run with a mapping.</summary>
internal static class MappedReport
{
    private static readonly ViolationKind[] Kinds =
    [
        ViolationKind.UnknownValue, ViolationKind.WentBack, ViolationKind.ServedBeyondEnd, ViolationKind.CacheDiffers, ViolationKind.NotFresh, ViolationKind.NotDrawn,
        ViolationKind.OtherOrder, ViolationKind.LostEvent, ViolationKind.DeadLetter, ViolationKind.DeadlockAtCommit, ViolationKind.Leftover, ViolationKind.WrongAnswer,
    ];

    public static string Of(ShopHistory history, ShopState state, ShopTimelines timelines, IReadOnlyCollection<Violation> violations)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        text.WriteLine();
        Report.WriteReads(text, history.Common);
        WriteWrites(text, history, state);
        Report.WriteFaults(text, history.Common);
        Report.WriteMachine(text, history.Common);
        WritePrices(text, history, timelines);
        WriteStaleness(text, history, timelines, "after changes of a product", ShopStaleness.OfRows);
        WriteStaleness(text, history, timelines, "after changes of categories", ShopStaleness.OfCategories);
        WriteStaleness(text, history, timelines, "after ends of prices", ShopStaleness.OfPrice);
        Report.WriteViolations(text, violations, Kinds);
        return text.ToString();
    }

    /// <summary>All that happened to the products of the violations that the report shows.</summary>
    public static string Evidence(ShopHistory history, ShopTimelines timelines, IReadOnlyCollection<Violation> violations)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        foreach (var id in Report.ShownProducts(violations, Kinds))
        {
            var rows = timelines.Of(id);
            HashSet<long> categories = [.. rows.SelectMany(version => version.Rows.Memberships.Keys)];
            var lines = rows.Select(version => (At: version.Commit.Start, Line: $"       {version}, {ShopChecks.Describe(version.Rows)}"))
                .Concat(categories.SelectMany(timelines.OfCategory).Select(category => (At: category.Commit.Start, Line: $"       category {category.Category} w{category.Write}, {category.Commit}")))
                .Concat(history.Reads.Where(read => read.Answer.Id == id).Select(read => (At: read.Answer.Start, Line: ShopChecks.Describe(read))))
                .Concat(Report.FaultLines(history.Common));
            Report.WriteEvidence(text, id, lines);
        }

        return text.ToString();
    }

    private static void WriteWrites(StringWriter text, ShopHistory history, ShopState state)
    {
        var committed = history.Transactions.Where(transaction => transaction.Commit.Outcome == TransactionOutcome.Committed).ToList();
        var changes = committed.SelectMany(transaction => transaction.Changes).GroupBy(change => change.Table).OrderBy(group => group.Key)
            .Select(group => $"{group.Key.ToString().ToLowerInvariant()}: {group.Count()}");
        var byWriters = committed.Select(transaction => transaction.Xid).ToHashSet();
        var expanded = history.Versions.Count(version => !byWriters.Contains(version.Xid));
        text.WriteLine($"{"writes",-10}{committed.Count,9}   rows of {string.Join(", ", changes)}; {history.Transactions.Count - committed.Count} transactions rolled back");
        var ends = committed.Select(transaction => transaction.Commit.End).Order().ToList();
        if (ends.Zip(ends.Skip(1)).OrderByDescending(pair => pair.Second - pair.First).FirstOrDefault() is var (from, to) && to > from)
        {
            text.WriteLine($"{"",-19}   the longest time without a commit: {(to - from).TotalSeconds:0.0} s, from {from.TotalSeconds:0.0} s on");
        }

        text.WriteLine($"{"versions",-10}{history.Versions.Count,9}   of which {expanded} by expansions");
        text.WriteLine($"{"events",-10}{state.Events.Count,9}   {state.Cached.Count(entry => entry.Where == "Redis")} entries in Redis, {state.Stored.Values.Count(product => product.Document is not null)} products");
    }

    // Of products that are read all the time: how long after the begin of a price it was first seen.
    private static void WritePrices(StringWriter text, ShopHistory history, ShopTimelines timelines)
    {
        Dictionary<(long Id, long Price, DateTime From), DateTime> shown = [];
        foreach (var read in history.Reads.Where(read => read.Document is not null && read.Answer.Id <= Catalogue.Hot).OrderBy(read => read.Answered))
        {
            if (timelines.Of(read.Answer.Id, read.Answer.Version)?.Rows.ValidityOf(read.Document!.Price) is { From.Year: > ShopTables.FirstYear } validity)
            {
                shown.TryAdd((read.Answer.Id, read.Document.Price, validity.From), read.Answered);
            }
        }

        TimeSpan[] sorted = [.. shown.Select(price => price.Value - price.Key.From).Order()];
        if (sorted.Length > 0)
        {
            text.WriteLine(
                $"{"prices",-10}{sorted.Length,9}   became valid and were seen, ms later: p50 {Report.Percentile(sorted, 0.5):0}, p99 {Report.Percentile(sorted, 0.99):0}, max {sorted[^1].TotalMilliseconds:0}");
        }
    }

    private static void WriteStaleness(
        StringWriter text, ShopHistory history, ShopTimelines timelines, string name, Func<ShopRead, ShopTimelines, TimeSpan> stalenessOf)
    {
        var reads = history.Reads.Where(read => read.Document is not null || read.Answer.Status == 404);
        var groups = Staleness.ByFault(history.Common.Faults, reads, read => read.Answer, read => stalenessOf(read, timelines));
        Report.WriteStaleness(text, $"staleness {name}, ms", groups);
    }
}
