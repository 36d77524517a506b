namespace ProductCache.Chaos;

/// <summary>What a committed transaction left of a product.</summary>
/// <param name="Version">Of the row, or of the row that was deleted.</param>
/// <param name="Inserted">The version was drawn by an INSERT.</param>
internal sealed record ProductState(
    long Id, long Version, bool Present, bool Inserted, long Number, long Transaction, TimeSpan CommitStart, TimeSpan CommitEnd)
{
    /// <summary>As in the cache: 2v, and 2v+1 for the deletion of row version v.</summary>
    public long Rank => (2 * Version) + (Present ? 0 : 1);

    /// <summary>
    /// Whether it is surely older than the other. An INSERT draws its version before it waits for another transaction's
    /// row of the same id, so it may commit after a state of a higher rank; in doubt, nothing is older.
    /// </summary>
    public bool Precedes(ProductState other) => Rank < other.Rank && !(Inserted && CommitEnd > other.CommitStart);
}

/// <summary>The committed states of one product, the lowest rank first.</summary>
internal sealed class Timeline
{
    private readonly ProductState[] states;

    // Of the states from this index on: when the first of them was known to be committed.
    private readonly TimeSpan[] firstCommit;

    public Timeline(IEnumerable<ProductState> states)
    {
        this.states = [.. states.OrderBy(state => state.Rank)];
        firstCommit = new TimeSpan[this.states.Length + 1];
        firstCommit[^1] = TimeSpan.MaxValue;
        for (var i = this.states.Length - 1; i >= 0; i--)
        {
            firstCommit[i] = this.states[i].CommitEnd < firstCommit[i + 1] ? this.states[i].CommitEnd : firstCommit[i + 1];
        }
    }

    public static Timeline Empty { get; } = new([]);

    public IReadOnlyList<ProductState> States => states;

    public ProductState? OfVersion(long version)
    {
        var index = IndexOfRank(2 * version);
        return index < states.Length && states[index].Rank == 2 * version ? states[index] : null;
    }

    /// <summary>Before its first row the product is absent, unless it was there when the run began.</summary>
    public bool BeginsAbsent => states.Length == 0 || states[0].CommitEnd > TimeSpan.Zero;

    /// <summary>Deletions that may have been committed by then, the oldest first.</summary>
    public IEnumerable<ProductState> DeletionsBy(TimeSpan time) => states.Where(state => !state.Present && state.CommitStart <= time);

    /// <summary>When something newer was first known to be committed.</summary>
    public TimeSpan OutdatedAt(ProductState? state)
    {
        if (state is null)
        {
            return firstCommit[0];
        }

        return state.Inserted
            ? states.Where(state.Precedes).Select(newer => newer.CommitEnd).DefaultIfEmpty(TimeSpan.MaxValue).Min()
            : firstCommit[IndexOfRank(state.Rank + 1)];
    }

    // The first state of this rank or a higher one.
    private int IndexOfRank(long rank)
    {
        var (low, high) = (0, states.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = states[middle].Rank < rank ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}

/// <summary>The committed past of all products.</summary>
internal sealed class Timelines
{
    private readonly Dictionary<long, Timeline> timelines;

    public Timelines(IEnumerable<WriteTransaction> transactions) => timelines = transactions
        .Where(transaction => transaction.Outcome == TransactionOutcome.Committed)
        .SelectMany(NetStates)
        .GroupBy(state => state.Id)
        .ToDictionary(group => group.Key, group => new Timeline(group));

    public IEnumerable<ProductState> States => timelines.Values.SelectMany(timeline => timeline.States);

    public Timeline Of(long id) => timelines.GetValueOrDefault(id, Timeline.Empty);

    // Only what a transaction leaves of a product is ever visible; a row that it both made and deleted never is.
    private static IEnumerable<ProductState> NetStates(WriteTransaction transaction)
    {
        foreach (var changes in transaction.Changes.GroupBy(change => change.Id))
        {
            var (first, last) = (changes.First(), changes.Last());
            if (first.Kind == ChangeKind.Inserted && last.Kind == ChangeKind.Deleted)
            {
                continue;
            }

            yield return new ProductState(
                last.Id,
                last.Version,
                last.Kind != ChangeKind.Deleted,
                last.Kind == ChangeKind.Inserted,
                last.Number,
                transaction.Number,
                transaction.CommitStart,
                transaction.CommitEnd);
        }
    }
}
