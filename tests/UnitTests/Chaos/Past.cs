using ProductCache.Chaos;

namespace ProductCache.UnitTests.Chaos;

/// <summary>A history made by hand. Times are in seconds; a commit and a read take a tenth of one.</summary>
internal sealed class Past
{
    public const long Id = 7;

    private const double Duration = 0.1;

    private readonly List<WriteTransaction> transactions = [];
    private readonly List<Read> reads = [];
    private readonly List<Fault> faults = [];
    private readonly List<Hiccup> hiccups = [];
    private readonly List<Death> deaths = [];
    private readonly List<Forsaken> forsaken = [];
    private readonly List<Settled> settled = [];

    public History History => new(transactions, reads, faults, hiccups, deaths, forsaken, settled);

    public Timelines Timelines => new(transactions);

    public Past Inserts(long version, double at, long id = Id) => Commits(at, new Change(id, ChangeKind.Inserted, version, version));

    public Past Updates(long version, double at, long id = Id) => Commits(at, new Change(id, ChangeKind.Updated, version, version));

    public Past Deletes(long version, double at, long id = Id) => Commits(at, new Change(id, ChangeKind.Deleted, version, 0));

    public Past Commits(double at, params Change[] changes) => Transacts(TransactionOutcome.Committed, at, changes);

    public Past RollsBack(double at, params Change[] changes) => Transacts(TransactionOutcome.RolledBack, at, changes);

    /// <summary>A 200. The number of a write is its version, unless told otherwise.</summary>
    public Past Reads(long version, double at, long? number = null, int instance = 1, int client = 1) =>
        Answers(200, at, version: version, number: number ?? version, instance: instance, client: client);

    public Past ReadsAbsence(double at) => Answers(404, at);

    public Past Answers(
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

    public Past Suffers(FaultKind kind, Target target, double from, double to)
    {
        faults.Add(new Fault(new PlannedFault(Seconds(from), kind, target, Seconds(to - from)), Seconds(from), Seconds(to)));
        return this;
    }

    public Past Hiccups(double at, double lateness)
    {
        hiccups.Add(new Hiccup(Seconds(at), Seconds(at + lateness), Seconds(lateness)));
        return this;
    }

    public Past Loses(Target target, double at)
    {
        deaths.Add(new Death(Seconds(at), target));
        return this;
    }

    /// <summary>Evicts the product, which nobody asks for again.</summary>
    public Past Forsakes(double lastReadAt)
    {
        forsaken.Add(new Forsaken(Id, Seconds(lastReadAt), Seconds(lastReadAt + Duration)));
        return this;
    }

    public Past SettlesInRedis(long version, double at)
    {
        settled.Add(new Settled(Id, version, Seconds(at)));
        return this;
    }

    public static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private Past Transacts(TransactionOutcome outcome, double at, Change[] changes)
    {
        transactions.Add(new WriteTransaction(transactions.Count + 1, outcome, Seconds(at), Seconds(at + Duration), changes));
        return this;
    }
}
