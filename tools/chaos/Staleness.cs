namespace ProductCache.Chaos;

/// <summary>The staleness of a read: the time between the commit of a newer row and the start of the read; 0 if there was no newer row.</summary>
internal static class Staleness
{
    public const string Calm = "calm";

    public static TimeSpan Of(Read read, Timeline timeline)
    {
        var seen = read.IsFound ? timeline.OfVersion(read.Version) : timeline.DeletionsBy(read.End).LastOrDefault();
        if (read.IsFound && seen is null)
        {
            return TimeSpan.Zero;
        }

        var outdatedAt = timeline.OutdatedAt(seen);
        return outdatedAt < read.Start ? read.Start - outdatedAt : TimeSpan.Zero;
    }

    /// <inheritdoc cref="ByFault{T}"/>
    public static IReadOnlyList<(string Name, TimeSpan[] Sorted)> ByFault(History history, Timelines timelines)
    {
        var answers = history.Reads.Where(read => read.IsFound || read.Status == 404);
        return ByFault(history.Faults, answers, read => read, read => Of(read, timelines.Of(read.Id)));
    }

    /// <summary>The staleness of all answers, sorted, by the fault during which they began; calm comes first.</summary>
    public static IReadOnlyList<(string Name, TimeSpan[] Sorted)> ByFault<T>(
        IEnumerable<Fault> faults, IEnumerable<T> answers, Func<T, Read> readOf, Func<T, TimeSpan> stalenessOf)
    {
        var ordered = faults.OrderBy(fault => fault.Start).ToList();
        return
        [
            .. answers
                .GroupBy(answer => NameOf(readOf(answer)))
                .OrderBy(group => group.Key == Calm ? string.Empty : group.Key, StringComparer.Ordinal)
                .Select(group => (group.Key, group.Select(stalenessOf).Order().ToArray())),
        ];

        string NameOf(Read read) =>
            ordered.LastOrDefault(fault => fault.Start <= read.Start) is { } fault && read.Start < fault.Aftermath ? fault.Plan.Name : Calm;
    }
}
