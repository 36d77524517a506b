using ProductCache.Chaos;

namespace ProductCache.UnitTests.Chaos;

/// <summary>A history made by hand. Times are in seconds; a commit and a read take a tenth of one.</summary>
internal sealed class HistoryBuilder
{
    public const long Id = 7;

    private const double Duration = 0.1;

    private readonly List<WriteTransaction> transactions = [];
    private readonly List<Read> reads = [];
    private readonly List<Fault> faults = [];
    private readonly List<Stall> stalls = [];
    private readonly List<Death> deaths = [];
    private readonly List<Abandoned> abandoned = [];
    private readonly List<Settled> settled = [];

    public History History => new(transactions, reads, faults, stalls, deaths, abandoned, settled);

    public Timelines Timelines => new(transactions);

    public HistoryBuilder Inserts(long version, double at, long id = Id) => Commits(at, new Change(id, ChangeKind.Inserted, version, version));

    public HistoryBuilder Updates(long version, double at, long id = Id) => Commits(at, new Change(id, ChangeKind.Updated, version, version));

    public HistoryBuilder Deletes(long version, double at, long id = Id) => Commits(at, new Change(id, ChangeKind.Deleted, version, 0));

    public HistoryBuilder Commits(double at, params Change[] changes) => Transacts(TransactionOutcome.Committed, at, changes);

    public HistoryBuilder RollsBack(double at, params Change[] changes) => Transacts(TransactionOutcome.RolledBack, at, changes);

    /// <summary>A 200. The number of a write is its version, unless told otherwise.</summary>
    public HistoryBuilder Reads(long version, double at, long? number = null, int instance = 1, int client = 1) =>
        Answers(200, at, version: version, number: number ?? version, instance: instance, client: client);

    public HistoryBuilder ReadsAbsence(double at) => Answers(404, at);

    public HistoryBuilder Answers(
        int status,
        double at,
        double duration = Duration,
        double wait = 0,
        bool retryAfter = false,
        long version = 0,
        long number = 0,
        int instance = 1,
        int client = 1,
        ReadFailure failure = ReadFailure.None,
        bool fresh = false)
    {
        reads.Add(new Read(
            client, 1, instance, Id, Seconds(at), Seconds(at + duration), Seconds(wait), status, version, number, Source.Redis, retryAfter, failure, fresh));
        return this;
    }

    public HistoryBuilder Suffers(FaultKind kind, Target target, double from, double to)
    {
        faults.Add(new Fault(new PlannedFault(Seconds(from), kind, target, Seconds(to - from)), Seconds(from), Seconds(to)));
        return this;
    }

    public HistoryBuilder Stalls(double at, double lateness)
    {
        stalls.Add(new Stall(Seconds(at), Seconds(at + lateness), Seconds(lateness)));
        return this;
    }

    public HistoryBuilder Loses(Target target, double at)
    {
        deaths.Add(new Death(Seconds(at), target));
        return this;
    }

    /// <summary>Evicts the product, which no reader requests again.</summary>
    public HistoryBuilder Abandons(double lastReadAt)
    {
        abandoned.Add(new Abandoned(Id, Seconds(lastReadAt), Seconds(lastReadAt + Duration)));
        return this;
    }

    public HistoryBuilder SettlesInRedis(long version, double at)
    {
        settled.Add(new Settled(Id, version, Seconds(at)));
        return this;
    }

    public static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private HistoryBuilder Transacts(TransactionOutcome outcome, double at, Change[] changes)
    {
        transactions.Add(new WriteTransaction(transactions.Count + 1, outcome, Seconds(at), Seconds(at + Duration), changes));
        return this;
    }
}
