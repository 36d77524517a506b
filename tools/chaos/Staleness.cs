namespace ProductCache.Chaos;

/// <summary>How old news was when it was read: how long before a read began something newer had been committed; 0 if nothing had.</summary>
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

    /// <summary>The staleness of all answers, sorted, under the name of the fault in whose time they began; calm comes first.</summary>
    public static IReadOnlyList<(string Name, TimeSpan[] Sorted)> ByFault(History history, Timelines timelines)
    {
        var faults = history.Faults.OrderBy(fault => fault.Start).ToList();
        return
        [
            .. history.Reads
                .Where(read => read.IsFound || read.Status == 404)
                .GroupBy(read => faults.LastOrDefault(fault => fault.Start <= read.Start) is { } fault && read.Start < fault.Aftermath ? fault.Plan.Name : Calm)
                .OrderBy(group => group.Key == Calm ? string.Empty : group.Key, StringComparer.Ordinal)
                .Select(group => (group.Key, group.Select(read => Of(read, timelines.Of(read.Id))).Order().ToArray())),
        ];
    }
}
