namespace ProductCache.Application;

/// <summary>
/// How far a reader of the outbox is. Rows become visible in the order of commits and not of their numbers: a row counts as passed when it
/// was read, or when every transaction that could still commit a smaller number has ended. Not thread-safe.
/// </summary>
public sealed class OutboxPosition
{
    /// <summary>
    /// The limit of single rows that are remembered. Beyond it, what a transaction commits that was open for all that time is left to the
    /// relay.
    /// </summary>
    public const int MaxPassed = 50_000;

    private readonly HashSet<long> passed = [];

    // Up to this row all is passed once the transactions before this one have ended. Null: nothing was read since the floor.
    private (long Row, long NextTransaction)? candidate;

    /// <summary>All rows up to this one are passed.</summary>
    public long Floor { get; private set; }

    /// <summary>The passed rows above the floor.</summary>
    public IReadOnlyCollection<long> Passed => passed;

    /// <summary>The server and the table whose rows these are. Null: nothing was read yet.</summary>
    public string? Origin { get; private set; }

    /// <summary>Begins anew if the rows are those of another server or another table, since their numbers may repeat.</summary>
    /// <returns>Whether it began anew.</returns>
    public bool BeginAt(string origin)
    {
        if (Origin == origin)
        {
            return false;
        }

        (Origin, Floor, candidate) = (origin, 0, null);
        passed.Clear();
        return true;
    }

    /// <summary>Passes the rows of a page.</summary>
    public void Advance(OutboxPage page)
    {
        if (candidate is { } end && page.OldestRunning >= end.NextTransaction && (!page.HasMore || page.Rows[^1] >= end.Row))
        {
            RaiseTo(end.Row);
        }

        passed.UnionWith(page.Rows.Where(row => row > Floor));
        if (passed.Count > MaxPassed)
        {
            RaiseTo(passed.Max());
        }
        else if (page.Rows.Count > 0)
        {
            candidate ??= (page.Rows[^1], page.NextTransaction);
        }
    }

    private void RaiseTo(long row)
    {
        Floor = Math.Max(Floor, row);
        passed.RemoveWhere(one => one <= Floor);
        candidate = null;
    }
}
