namespace ProductCache.Chaos;

// What happened, as the clients saw it. All times are since the start of the run, by one monotonic clock. Writes before
// the run have negative times.

internal enum ChangeKind
{
    Inserted,
    Updated,
    Deleted,
}

/// <param name="Version">Of the new row; of a deletion, of the row that was deleted.</param>
/// <param name="Number">The write's number, which its text carries; 0 for a deletion.</param>
internal readonly record struct Change(long Id, ChangeKind Kind, long Version, long Number);

internal enum TransactionOutcome
{
    Committed,
    RolledBack,

    /// <summary>The connection was lost while it committed; its row in the log of transactions tells later.</summary>
    Unknown,
}

/// <param name="CommitEnd">When its commit was known to be done.</param>
/// <param name="Changes">In the order of its statements.</param>
internal sealed record WriteTransaction(
    long Number, TransactionOutcome Outcome, TimeSpan CommitStart, TimeSpan CommitEnd, IReadOnlyList<Change> Changes);

internal enum Source
{
    None,
    Near,
    Redis,
    Filled,
}

internal enum ReadFailure
{
    None,

    /// <summary>Refused, reset, or closed in the middle of an answer.</summary>
    Connection,

    /// <summary>The client gave up long after the deadline.</summary>
    NoAnswer,
}

/// <param name="Instance">Which life of the Api process answered; 0 if it was restarted meanwhile.</param>
/// <param name="Version">The version in the ETag; 0: there was no ETag.</param>
/// <param name="Number">Of the write whose text the body carries; 0 without a body, -1 if the body is of no write.</param>
/// <param name="Fresh">It was asked for as new as the database has it (no-cache).</param>
internal readonly record struct Read(
    int Client,
    int Api,
    int Instance,
    long Id,
    TimeSpan Start,
    TimeSpan End,
    TimeSpan Wait,
    int Status,
    long Version,
    long Number,
    Source Source,
    bool HasRetryAfter,
    ReadFailure Failure,
    bool Fresh = false)
{
    public const long NoWrite = -1;

    /// <summary>200 or 304: the product as it is cached.</summary>
    public bool IsFound => Status is 200 or 304;
}

internal sealed record Fault(PlannedFault Plan, TimeSpan Start, TimeSpan Healed)
{
    /// <summary>Reads that begin before this may still be stale because of it.</summary>
    public TimeSpan Aftermath => Healed + Schedule.Aftermath(Plan);
}

/// <summary>The machine was busy, perhaps with something else: readers may be late because of it.</summary>
/// <param name="Lateness">The part of this span in which processes waited for a processor.</param>
internal readonly record struct Stall(TimeSpan At, TimeSpan Until, TimeSpan Lateness);

/// <summary>A process of the service ended unexpectedly.</summary>
internal sealed record Death(TimeSpan At, Target Target);

/// <summary>A product that was cached, changed and evicted, and that no reader requested afterwards: it must not be cached.</summary>
/// <param name="Start">Of its last read.</param>
internal sealed record Abandoned(long Id, TimeSpan Start, TimeSpan End);

/// <summary>Redis had this version of a product: shortly afterwards no reader may get an older one.</summary>
internal sealed record Settled(long Id, long Version, TimeSpan At);

internal sealed record History(
    IReadOnlyList<WriteTransaction> Transactions,
    IReadOnlyList<Read> Reads,
    IReadOnlyList<Fault> Faults,
    IReadOnlyList<Stall> Stalls,
    IReadOnlyList<Death> Deaths,
    IReadOnlyList<Abandoned> Abandoned,
    IReadOnlyList<Settled> Settled,
    int Evictions = 0,
    string RaceScenarios = "");

internal readonly record struct Row(long Version, long Number);

/// <param name="Version">0: known to be absent.</param>
internal readonly record struct CacheEntry(long Id, long Version);

internal readonly record struct ProductEvent(long Id, long Version, bool Deleted, int Partition = 0);

/// <summary>Events that the cluster forgot before they were read.</summary>
/// <param name="Until">They were published before this time.</param>
internal readonly record struct ForgottenEvents(int Partition, long Count, TimeSpan Until);

/// <summary>What is where after the quiet time.</summary>
/// <param name="At">When it was looked at.</param>
/// <param name="DeadLetters">What was set aside though all of it was well formed: the topic and the reason of each.</param>
/// <param name="Outbox">Rows that wait in it; <see langword="null"/>: there is no such table.</param>
/// <param name="Forgotten">Events that are missing in Events, because the cluster did not keep them.</param>
internal sealed record FinalState(
    TimeSpan At,
    IReadOnlyDictionary<long, Row> Rows,
    IReadOnlyList<CacheEntry> Redis,
    IReadOnlyList<Read> Reads,
    IReadOnlyList<ProductEvent> Events,
    IReadOnlyList<string> DeadLetters,
    long? Outbox,
    IReadOnlyList<ForgottenEvents> Forgotten);
