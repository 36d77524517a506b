namespace ProductCache.Chaos.Mapped;

/// <summary>The promises for products of a mapping, each a pure function of the recorded history.</summary>
internal static class ShopChecks
{
    // Deadlocks are refused at statements of the shop, and never because of the versions.
    private const string Deadlock = "40P01";

    public static IEnumerable<Violation> All(ShopHistory history, ShopState state, ShopTimelines timelines) =>
    [
        .. UnknownValues(history, timelines),
        .. WentBack(history, timelines),
        .. ServedBeyondEnd(history, timelines),
        .. NotFresh(history, timelines),
        .. WithoutVersion(timelines),
        .. OtherOrder(state, timelines),
        .. CacheDiffers(state),
        .. LostEvents(state, timelines),
        .. RefusedCommits(history),
        .. Checks.WrongAnswers(history.Common),
        .. state.DeadLetters.Select(letter => new Violation(ViolationKind.DeadLetter, state.At, 0, letter)),
        .. state.Leftovers.Select(leftover => new Violation(ViolationKind.Leftover, state.At, 0, leftover)),
    ];

    /// <summary>A reader got a body that no snapshot of the tables has shown under its version by the end of the read.</summary>
    public static IEnumerable<Violation> UnknownValues(ShopHistory history, ShopTimelines timelines) =>
        from read in history.Reads
        let fault = read.Answer.IsFound ? FaultOf(read, timelines)
            : read.Answer.Status == 404 && !timelines.Of(read.Answer.Id).Any(version => !version.Rows.IsPresent && version.Commit.Start <= read.Answer.End) ? "it was never absent"
            : null
        where fault is not null
        select new Violation(ViolationKind.UnknownValue, read.Answer.End, read.Answer.Id, $"{Describe(read)}: {fault}");

    /// <summary>A client got an older state of a product than the same process of the same Api had returned before.</summary>
    public static IEnumerable<Violation> WentBack(ShopHistory history, ShopTimelines timelines)
    {
        var reads = history.Reads.Where(read => read.Answer.Instance != 0 && (read.Answer.IsFound || read.Answer.Status == 404));
        foreach (var group in reads.GroupBy(read => (read.Answer.Client, read.Answer.Api, read.Answer.Instance, read.Answer.Id)))
        {
            var floor = new Floor(timelines);
            ShopRead? before = null;
            foreach (var read in group.OrderBy(read => read.Answer.Start))
            {
                if (floor.Rise(read) is { } fault)
                {
                    yield return new Violation(
                        ViolationKind.WentBack, read.Answer.End, read.Answer.Id, $"{Describe(read)}: {fault}, after {(before is null ? "nothing" : Describe(before))}");
                }
                else
                {
                    before = read;
                }
            }
        }
    }

    /// <summary>A request that began after the end of a price, or was answered before its begin, got that price.</summary>
    public static IEnumerable<Violation> ServedBeyondEnd(ShopHistory history, ShopTimelines timelines)
    {
        foreach (var read in history.Reads)
        {
            if (ValidityOf(read, timelines) is not { } validity)
            {
                continue;
            }

            var fault = read.Asked >= validity.End ? $"its price ended at {validity.End:HH:mm:ss.ffffff}, {(read.Asked - validity.End).TotalMilliseconds:0.000} ms before the request"
                : read.Answered < validity.From ? $"its price begins at {validity.From:HH:mm:ss.ffffff}"
                : null;
            if (fault is not null)
            {
                yield return new Violation(ViolationKind.ServedBeyondEnd, read.Answer.End, read.Answer.Id, $"{Describe(read)}: {fault}");
            }
        }
    }

    /// <summary>A read with no-cache returned what was replaced before the request.</summary>
    public static IEnumerable<Violation> NotFresh(ShopHistory history, ShopTimelines timelines) =>
        from read in history.Reads
        where read.Answer.Fresh && (read.Answer.IsFound || read.Answer.Status == 404)
        let direct = ShopStaleness.OfRows(read, timelines)
        let fanOut = ShopStaleness.OfCategories(read, timelines)
        let staleness = direct > fanOut ? direct : fanOut
        where staleness > TimeSpan.Zero
        select new Violation(
            ViolationKind.NotFresh, read.Answer.End, read.Answer.Id, FormattableString.Invariant($"{Describe(read)}, replaced {staleness.TotalMilliseconds:0} ms before it asked"));

    /// <summary>A transaction changed a product and has drawn no version for it.</summary>
    public static IEnumerable<Violation> WithoutVersion(ShopTimelines timelines) =>
        from change in timelines.WithoutVersion
        select new Violation(
            ViolationKind.NotDrawn,
            change.Transaction.Commit.End,
            change.Product,
            $"transaction {change.Transaction.Commit.Number} changed {string.Join(", ", change.Transaction.Changes.Where(row => row.Product == change.Product).Select(row => row.Table).Distinct())} of product {change.Product}");

    /// <summary>A version was not drawn in its turn, or all changes in the order of the versions do not give what the tables hold.</summary>
    public static IEnumerable<Violation> OtherOrder(ShopState state, ShopTimelines timelines)
    {
        foreach (var (version, later) in timelines.Disordered)
        {
            yield return new Violation(ViolationKind.OtherOrder, later.At, later.Product, FormattableString.Invariant(
                $"product {later.Product}: v{version.Version} was drawn at {version.At.TotalSeconds:0.000} s (xid {version.Xid}), v{later.Version} at {later.At.TotalSeconds:0.000} s (xid {later.Xid})"));
        }

        foreach (var stored in state.Stored.Values)
        {
            var last = timelines.Of(stored.Id)[^1];
            var isRight = last.Version == stored.Version && (stored.Document is { } document
                ? last.Rows.AreShownBy(document) && last.Rows.ValidityOf(document.Price) is not null
                    && document.Categories.All(shown => timelines.OfCategory(shown.Id) is [.., var category] && category.Write == shown.Write)
                : !last.Rows.IsPresent);
            if (!isRight)
            {
                yield return new Violation(ViolationKind.OtherOrder, state.At, stored.Id, $"{Name(stored)}; last: {last}, {Describe(last.Rows)}");
            }
        }
    }

    /// <summary>After the quiet time, Redis or an Api differs from PostgreSQL.</summary>
    public static IEnumerable<Violation> CacheDiffers(ShopState state) =>
        from cached in state.Cached
        let stored = state.Stored[cached.Id]
        where cached.Version != stored.Version || !Equals(cached.Document, stored.Document)
        select new Violation(ViolationKind.CacheDiffers, state.At, cached.Id, $"{Name(cached)}; {Name(stored)}");

    /// <inheritdoc cref="Checks.LostEvents"/>
    public static IEnumerable<Violation> LostEvents(ShopState state, ShopTimelines timelines)
    {
        // The last version of each product: its event covers those before.
        var last = timelines.Versions.GroupBy(version => version.Product).Select(versions => versions.Last()).Where(version => version.Version > 0)
            .Select(version => new WriteTransaction(
                version.Commit.Writer, TransactionOutcome.Committed, version.Commit.Start, version.Commit.Start, [new Change(version.Product, ChangeKind.Updated, version.Version, 0)]));
        return Checks.LostEvents(
            new FinalState(state.At, new Dictionary<long, Row>(), [], [], state.Events, [], null, state.Forgotten), new Timelines(last));
    }

    /// <summary>PostgreSQL ended a transaction at its COMMIT because of a deadlock.</summary>
    public static IEnumerable<Violation> RefusedCommits(ShopHistory history) =>
        from transaction in history.Transactions
        where transaction.Commit.Refusal == Deadlock
        select new Violation(
            ViolationKind.DeadlockAtCommit, transaction.Commit.End, 0, $"transaction {transaction.Commit.Number}, which changed {transaction.Changes.Count} rows");

    public static string Describe(ShopRead read) => $"{Checks.Describe(read.Answer)}{(read.Document is null ? string.Empty : $" {read.Document}")}";

    public static string Describe(ProductRows rows) => FormattableString.Invariant(
        $"{{product w{rows.Write}{(rows.IsHidden ? " hidden" : string.Empty)}, stock w{rows.Stock}, prices {string.Join(' ', rows.Prices.Values.OrderBy(price => price.ValidFrom).Select(price => $"w{price.Write} from {price.ValidFrom:HH:mm:ss.ffffff}"))}, categories {string.Join(' ', rows.Memberships.Select(member => $"{member.Key}:w{member.Value}"))}}}");

    private static string Name(ShopEntry entry) =>
        FormattableString.Invariant($"product {entry.Id}: {entry.Where} has v{entry.Version} {(entry.Document is null ? "absent" : entry.Document.ToString())}");

    private static (DateTime From, DateTime End)? ValidityOf(ShopRead read, ShopTimelines timelines) =>
        read.Answer.IsFound && read.Document is { } document ? timelines.Of(read.Answer.Id, read.Answer.Version)?.Rows.ValidityOf(document.Price) : null;

    private static string? FaultOf(ShopRead read, ShopTimelines timelines)
    {
        if (read.Document is not { } document)
        {
            return "the body is no document";
        }

        if (timelines.Of(read.Answer.Id, read.Answer.Version) is not { } version)
        {
            return "no transaction has drawn this version";
        }

        if (read.Answer.End < version.Commit.Start)
        {
            return $"{version}, after this";
        }

        if (!version.Rows.AreShownBy(document) || version.Rows.ValidityOf(document.Price) is null)
        {
            return $"{version} has {Describe(version.Rows)}";
        }

        return MixtureOf(read, document, version, timelines);
    }

    // The snapshot of a body is after the commits of all that it shows, and before the commits of all that replaced it.
    private static string? MixtureOf(ShopRead read, Document document, ProductVersion version, ShopTimelines timelines)
    {
        List<(string Name, CommitTime Commit)> begins = [($"v{version.Version}", version.Commit)];
        List<(string Name, CommitTime Commit)> ends = [];
        if (timelines.NextOf(version) is { } next)
        {
            ends.Add(($"v{next.Version}", next.Commit));
        }

        foreach (var shown in document.Categories)
        {
            var states = timelines.OfCategory(shown.Id).Where(state => state.Write == shown.Write).ToList();
            if (!states.Any(state => state.Commit.Start <= read.Answer.End))
            {
                return $"category {shown.Id} never had w{shown.Write} until then";
            }

            // A category without a row may have been without one several times; one of them is enough.
            var state = states.Find(state => !Contradicts([.. begins, (string.Empty, state.Commit)], [.. ends, .. EndOf(state)])) ?? states[0];
            begins.Add(($"w{shown.Write} of category {shown.Id}", state.Commit));
            ends.AddRange(EndOf(state));
        }

        foreach (var (name, commit) in ends)
        {
            if (begins.Find(begin => commit.IsNotAfter(begin.Commit)) is { Commit: not null } begin)
            {
                return $"it mixes two snapshots: {begin.Name} ({begin.Commit}) was not there before {name} ({commit}) replaced what is shown";
            }
        }

        return null;

        IEnumerable<(string Name, CommitTime Commit)> EndOf(CategoryState state) =>
            timelines.NextOf(state) is { } replaced ? [($"w{replaced.Write} of category {state.Category}", replaced.Commit)] : [];

        static bool Contradicts(List<(string Name, CommitTime Commit)> begins, List<(string Name, CommitTime Commit)> ends) =>
            ends.Exists(end => begins.Exists(begin => end.Commit.IsNotAfter(begin.Commit)));
    }

    /// <summary>The oldest state of one product that explains all reads of one client so far.</summary>
    private sealed class Floor(ShopTimelines timelines)
    {
        private readonly Dictionary<long, CategoryState> categories = [];
        private ProductVersion? version;
        private DateTime price = DateTime.MinValue;

        /// <returns>Why the read is older. Null: it is not, and the floor is that of the read.</returns>
        public string? Rise(ShopRead read) => read.Answer.IsFound ? RiseTo(read) : RiseToAbsence(read.Answer.End);

        private string? RiseTo(ShopRead read)
        {
            if (timelines.Of(read.Answer.Id, read.Answer.Version) is not { } seen || read.Document is not { } document)
            {
                return null;
            }

            if (version is not null && seen.Index < version.Index)
            {
                return $"v{version.Version} was seen before";
            }

            var start = seen.Rows.ValidityOf(document.Price)?.From ?? DateTime.MinValue;
            if (seen == version && start < price)
            {
                return $"a price that is valid since {price:HH:mm:ss.ffffff} was seen before";
            }

            List<CategoryState> states = [];
            foreach (var shown in document.Categories.Where(shown => shown.Write != 0))
            {
                if (timelines.OfCategory(shown.Id).FirstOrDefault(state => state.Write == shown.Write) is { } state)
                {
                    if (categories.TryGetValue(shown.Id, out var before) && state.Index < before.Index)
                    {
                        return $"w{before.Write} of category {shown.Id} was seen before";
                    }

                    states.Add(state);
                }
            }

            states.ForEach(state => categories[state.Category] = state);
            (version, price) = (seen, start);
            return null;
        }

        private string? RiseToAbsence(TimeSpan end)
        {
            if (version is null or { Rows.IsPresent: false })
            {
                return null;
            }

            var absence = timelines.Of(version.Product).Skip(version.Index + 1).FirstOrDefault(later => !later.Rows.IsPresent && later.Commit.Start <= end);
            if (absence is null)
            {
                return $"v{version.Version} was seen before, and it has not been absent since";
            }

            (version, price) = (absence, DateTime.MinValue);
            return null;
        }
    }
}
