using System.Globalization;

namespace ProductCache.Chaos;

internal enum ViolationKind
{
    UnknownValue,
    WentBack,
    CacheDiffers,
    NearCacheBehind,
    NotFresh,
    OldWithoutKafka,
    LeftBehind,
    LostEvent,
    DeadLetter,
    WrongAnswer,
    WithoutVersion,

    // Of a mapping.
    ServedBeyondEnd,
    NotDrawn,
    OtherOrder,
    DeadlockAtCommit,
    Leftover,
}

/// <param name="At">Since the start of the run.</param>
/// <param name="Id">The product; 0: the violation concerns no product.</param>
internal sealed record Violation(ViolationKind Kind, TimeSpan At, long Id, string Evidence);

/// <summary>The promises, each a pure function of the recorded history.</summary>
internal static class Checks
{
    /// <summary>The time limit of a read, in addition to the wait that it requests.</summary>
    public static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long a near cache may lag behind Redis. It is cleared after 1.5 s without a message; the rest allows for an overloaded
    /// machine.
    /// </summary>
    private static readonly TimeSpan NearCacheBound = TimeSpan.FromSeconds(4);

    /// <summary>
    /// How old an answer may be while Kafka is away. Each Worker leaves large statements to Kafka until its own relay has failed once, after 5 s; the rest is as for
    /// near caches.
    /// </summary>
    private static readonly TimeSpan BoundWithoutKafka = TimeSpan.FromSeconds(15);

    /// <summary>The time within which a Worker commits its offsets, and for which a fault may make it repeat work.</summary>
    private static readonly (TimeSpan Commit, TimeSpan Redelivery) Repeats = (TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30));

    /// <summary>The time that a restarted Api may need to establish its connections.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    public static IEnumerable<Violation> All(History history, FinalState state)
    {
        var timelines = new Timelines(history.Transactions);
        return
        [
            .. UnknownValues(history, timelines),
            .. WentBack(history, timelines),
            .. CacheDiffers(state, timelines),
            .. NearCacheBehind(history, timelines),
            .. NotFresh(history, timelines),
            .. OldWithoutKafka(history, timelines),
            .. LeftBehind(history, state),
            .. LostEvents(state, timelines),
            .. DeadLetters(state),
            .. WrongAnswers(history),
            .. RowsWithoutVersion(state),
        ];
    }

    /// <summary>A row that was written while the triggers were disabled still has no version.</summary>
    public static IEnumerable<Violation> RowsWithoutVersion(FinalState state) => state.Rows
        .Where(row => row.Value.Version <= 0)
        .Select(row => new Violation(ViolationKind.WithoutVersion, state.At, row.Key, $"product {row.Key} has no version"));

    /// <summary>A reader got a value that no transaction had committed by the end of the read.</summary>
    public static IEnumerable<Violation> UnknownValues(History history, Timelines timelines)
    {
        var writes = WritesByNumber(history.Transactions);
        foreach (var read in history.Reads)
        {
            var timeline = timelines.Of(read.Id);
            var fault = read switch
            {
                { IsFound: true } => FaultOfValue(read, timeline.OfVersion(read.Version), writes),
                { Status: 404 } when !timeline.BeginsAbsent && !timeline.DeletionsBy(read.End).Any() => "it was never deleted",
                _ => null,
            };
            if (fault is not null)
            {
                yield return new Violation(ViolationKind.UnknownValue, read.End, read.Id, $"{Describe(read)}: {fault}");
            }
        }
    }

    /// <summary>A client got an older state of a product than the same process of the same Api had returned before.</summary>
    public static IEnumerable<Violation> WentBack(History history, Timelines timelines)
    {
        var reads = history.Reads.Where(read => read.Instance != 0 && (read.IsFound || read.Status == 404));
        foreach (var group in reads.GroupBy(read => (read.Client, read.Api, read.Instance, read.Id)))
        {
            var timeline = timelines.Of(group.Key.Id);

            // The oldest state that explains all reads so far.
            ProductState? floor = null;
            Read? floorRead = null;
            foreach (var read in group.OrderBy(read => read.Start))
            {
                var seen = read.IsFound ? timeline.OfVersion(read.Version) : AbsenceSince(timeline, floor, read.End);
                if (read.IsFound ? seen is not null && floor is not null && seen.Precedes(floor) : floor is not null && seen is null)
                {
                    yield return new Violation(
                        ViolationKind.WentBack,
                        read.End,
                        read.Id,
                        $"{Describe(read)}, after {Describe(floorRead!.Value)} (oldest explanation: {Describe(floor!)})");
                }
                else if (seen is not null && (floor is null || seen.Rank > floor.Rank))
                {
                    (floor, floorRead) = (seen, read);
                }
            }
        }
    }

    /// <summary>After the quiet time, Redis or a near cache differs from PostgreSQL.</summary>
    public static IEnumerable<Violation> CacheDiffers(FinalState state, Timelines timelines)
    {
        foreach (var entry in state.Redis)
        {
            if (entry.Version != VersionIn(state, entry.Id))
            {
                yield return Differs(entry.Id, entry.Version, "Redis");
            }
        }

        foreach (var read in state.Reads.Where(read => read.IsFound || read.Status == 404))
        {
            var version = read.IsFound ? read.Version : 0;
            if (version != VersionIn(state, read.Id))
            {
                yield return Differs(read.Id, version, $"api-{read.Api} (from {read.Source.ToString().ToLowerInvariant()})");
            }
        }

        Violation Differs(long id, long version, string where)
        {
            var current = timelines.Of(id).States is [.., var last] ? $"; last: {Describe(last)}" : string.Empty;
            return new Violation(
                ViolationKind.CacheDiffers, state.At, id, $"product {id}: {where} has {Name(version)}, PostgreSQL has {Name(VersionIn(state, id))}{current}");
        }
    }

    /// <summary>
    /// An Api returned an entry that Redis had replaced long before. If a Worker or Kafka failed, the notification may take
    /// longer.
    /// </summary>
    public static IEnumerable<Violation> NearCacheBehind(History history, Timelines timelines)
    {
        var reads = history.Reads.Where(read => read.IsFound).ToLookup(read => read.Id);
        foreach (var settled in history.Settled)
        {
            if (IsTroubled(history, settled.At - Repeats.Commit, settled.At + NearCacheBound) || timelines.Of(settled.Id).OfVersion(settled.Version) is not { } state)
            {
                continue;
            }

            foreach (var read in reads[settled.Id].Where(read => read.Start > settled.At + NearCacheBound))
            {
                if (timelines.Of(settled.Id).OfVersion(read.Version)?.Precedes(state) == true)
                {
                    yield return new Violation(
                        ViolationKind.NearCacheBehind,
                        read.Start,
                        settled.Id,
                        FormattableString.Invariant($"{Describe(read)}, though Redis had v{settled.Version} at {settled.At.TotalSeconds:0.000} s"));
                }
            }
        }
    }

    /// <summary>A read with no-cache returned a row that was replaced before the request.</summary>
    public static IEnumerable<Violation> NotFresh(History history, Timelines timelines) =>
        from read in history.Reads
        where read.Fresh && (read.IsFound || read.Status == 404)
        let staleness = Staleness.Of(read, timelines.Of(read.Id))
        where staleness > TimeSpan.Zero
        select new Violation(
            ViolationKind.NotFresh, read.End, read.Id, FormattableString.Invariant($"{Describe(read)}, replaced {staleness.TotalMilliseconds:0} ms before it asked"));

    /// <summary>A read during a long outage of Kafka returned a row that was replaced long before: changes must not wait for Kafka.</summary>
    public static IEnumerable<Violation> OldWithoutKafka(History history, Timelines timelines)
    {
        var outages = history.Faults.Where(fault => fault.Plan.Kind == FaultKind.Outage).ToList();
        return from read in history.Reads
            where (read.IsFound || read.Status == 404) && outages.Any(outage => outage.Start <= read.Start && read.Start < outage.Aftermath)
            let staleness = Staleness.Of(read, timelines.Of(read.Id))
            where staleness > BoundWithoutKafka
            select new Violation(
                ViolationKind.OldWithoutKafka, read.End, read.Id, FormattableString.Invariant($"{Describe(read)}, replaced {staleness.TotalSeconds:0.0} s before"));
    }

    /// <summary>
    /// An entry of a product that no reader requested after its eviction. If a Worker or Kafka failed soon after the last request,
    /// that request may have been repeated.
    /// </summary>
    public static IEnumerable<Violation> LeftBehind(History history, FinalState state)
    {
        var entries = state.Redis.ToDictionary(entry => entry.Id);
        return history.Abandoned
            .Where(abandoned => entries.ContainsKey(abandoned.Id) && !IsTroubled(history, abandoned.Start, abandoned.End + Repeats.Commit))
            .Select(abandoned => new Violation(
                ViolationKind.LeftBehind,
                state.At,
                abandoned.Id,
                FormattableString.Invariant($"product {abandoned.Id}: Redis has {Name(entries[abandoned.Id].Version)}, last requested at {abandoned.Start.TotalSeconds:0.000} s")));
    }

    /// <summary>The service could not process one of its own messages.</summary>
    public static IEnumerable<Violation> DeadLetters(FinalState state) =>
        state.DeadLetters.Select(letter => new Violation(ViolationKind.DeadLetter, state.At, 0, letter));

    /// <summary>
    /// A committed change without an event. The relay may omit a change that a newer event of the same kind covers. The embedded Kafka may
    /// have dropped the event before it was read, if events of its partition and time were dropped.
    /// </summary>
    public static IEnumerable<Violation> LostEvents(FinalState state, Timelines timelines)
    {
        Dictionary<(long Id, bool Deleted), long> newest = [];
        Dictionary<long, int> partitions = [];
        foreach (var @event in state.Events)
        {
            partitions[@event.Id] = @event.Partition;
            var key = (@event.Id, @event.Deleted);
            newest[key] = Math.Max(@event.Version, newest.GetValueOrDefault(key));
        }

        return timelines.States
            .Where(change => newest.GetValueOrDefault((change.Id, !change.Present)) < change.Version && !MayBeForgotten(change))
            .Select(change => new Violation(ViolationKind.LostEvent, change.CommitEnd, change.Id, $"no event of {Describe(change)}"));

        // All events of a product are in one partition, which is not known where none of them was read.
        bool MayBeForgotten(ProductState change) => state.Forgotten.Any(forgotten =>
            change.CommitStart < forgotten.Until && (!partitions.TryGetValue(change.Id, out var partition) || partition == forgotten.Partition));
    }

    /// <summary>An undocumented or late answer, or a process that ended unexpectedly.</summary>
    public static IEnumerable<Violation> WrongAnswers(History history)
    {
        foreach (var death in history.Deaths)
        {
            yield return new Violation(ViolationKind.WrongAnswer, death.At, 0, $"{death.Target.ToString().ToLowerInvariant()} ended by itself");
        }

        var outages = history.Faults.Where(fault => fault.Plan.Target is Target.Api1 or Target.Api2).ToList();
        var stalls = new Stalls(history.Stalls);
        foreach (var read in history.Reads)
        {
            var fault = read switch
            {
                { Failure: ReadFailure.Connection } => "the connection failed",
                { Failure: ReadFailure.NoAnswer } => "no answer",
                { Status: 503, HasRetryAfter: false } => "no Retry-After",
                { Status: 200 or 202 or 304 or 404 or 503 } => null,
                _ => "not a documented answer",
            };

            // An undocumented answer has no excuse; silence and lateness have those of the process and the machine.
            if (fault is null || read.Failure != ReadFailure.None)
            {
                if (outages.Any(outage => ApiOf(outage.Plan.Target) == read.Api && read.Start < outage.Healed + Settling && read.End > outage.Start))
                {
                    continue;
                }

                var late = read.End - read.Start - read.Wait - ReadTimeout;
                if (fault is null && late > TimeSpan.Zero && stalls.Within(read.Start, read.End) is var excuse && late > excuse)
                {
                    fault = FormattableString.Invariant($"late by {late.TotalMilliseconds:0} ms, {excuse.TotalMilliseconds:0} ms of it waiting for a processor");
                }
            }

            if (fault is not null)
            {
                yield return new Violation(ViolationKind.WrongAnswer, read.End, read.Id, $"{Describe(read)}: {fault}");
            }
        }
    }

    public static int ApiOf(Target target) => target == Target.Api1 ? 1 : 2;

    public static string Describe(Read read)
    {
        var answer = read.Failure != ReadFailure.None ? read.Failure.ToString() : read.Status.ToString(CultureInfo.InvariantCulture);
        var version = read.IsFound ? $" v{read.Version}" : string.Empty;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"client {read.Client} on api-{read.Api}#{read.Instance} at {read.Start.TotalSeconds:0.000}..{read.End.TotalSeconds:0.000} s: product {read.Id} {answer}{version} from {read.Source.ToString().ToLowerInvariant()}");
    }

    public static string Describe(ProductState state) => string.Create(
        CultureInfo.InvariantCulture,
        $"product {state.Id} v{state.Version} {(state.Present ? "written" : "deleted")} by transaction {state.Transaction}, committed at {state.CommitStart.TotalSeconds:0.000}..{state.CommitEnd.TotalSeconds:0.000} s");

    private static string Name(long version) => version == 0 ? "no product" : $"v{version}";

    private static long VersionIn(FinalState state, long id) => state.Rows.TryGetValue(id, out var row) ? row.Version : 0;

    private static string? FaultOfValue(
        Read read, ProductState? state, Dictionary<long, (WriteTransaction Transaction, Change Change)> writes)
    {
        if (read.Number == Read.NoWrite)
        {
            return "the text mixes several writes";
        }

        if (read.Number != 0 && !writes.ContainsKey(read.Number))
        {
            return $"w{read.Number} was never written";
        }

        if (read.Number != 0 && writes[read.Number] is var (transaction, change))
        {
            if (transaction.Outcome == TransactionOutcome.RolledBack)
            {
                return $"w{read.Number} was rolled back with transaction {transaction.Number}";
            }

            if (change.Id != read.Id || change.Version != read.Version)
            {
                return $"w{read.Number} is product {change.Id} v{change.Version}";
            }
        }

        if (state is null)
        {
            return "no transaction committed this version";
        }

        return read.End < state.CommitStart ? $"{Describe(state)}, after this" : null;
    }

    private static Dictionary<long, (WriteTransaction Transaction, Change Change)> WritesByNumber(IEnumerable<WriteTransaction> transactions)
    {
        Dictionary<long, (WriteTransaction, Change)> writes = [];
        foreach (var transaction in transactions)
        {
            foreach (var change in transaction.Changes.Where(change => change.Kind != ChangeKind.Deleted))
            {
                writes[change.Number] = (transaction, change);
            }
        }

        return writes;
    }

    // Messages were late or came again in this time, since those who bring them failed.
    private static bool IsTroubled(History history, TimeSpan from, TimeSpan to) => history.Faults.Any(fault =>
        fault.Plan.Target is Target.Worker1 or Target.Worker2 or Target.Kafka && fault.Start < to && from < fault.Healed + Repeats.Redelivery);

    // The oldest deletion that is not older than the floor and may be what a 404 told.
    private static ProductState? AbsenceSince(Timeline timeline, ProductState? floor, TimeSpan end) => floor switch
    {
        null => null,
        { Present: false } => floor,
        _ => timeline.DeletionsBy(end).FirstOrDefault(deletion => deletion.Rank > floor.Rank),
    };
}
