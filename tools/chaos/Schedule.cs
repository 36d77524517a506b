using System.Globalization;

namespace ProductCache.Chaos;

internal enum Target
{
    Api1,
    Api2,
    Worker1,
    Worker2,
    Redis,
    Postgres,
    Kafka,
}

internal enum FaultKind
{
    /// <summary>SIGKILL; restarted after the hold. Redis is empty afterwards.</summary>
    Kill,

    /// <summary>SIGSTOP; SIGCONT after the hold.</summary>
    Pause,

    /// <summary>SIGKILL of Kafka; restarted after a minute or two, during which changes must reach the caches all the same.</summary>
    Outage,

    /// <summary>An orderly stop; restarted after the hold.</summary>
    Restart,

    /// <summary>FLUSHALL.</summary>
    Flush,

    /// <summary>The server drops all connections of clients: CLIENT KILL TYPE normal, pg_terminate_backend.</summary>
    DropConnections,

    /// <summary>CLIENT KILL TYPE pubsub.</summary>
    DropSubscriptions,

    /// <summary>Keys are damaged: another type, damaged fields, no expiry.</summary>
    DamageKeys,

    /// <summary>Redis has no memory left and evicts nothing: it refuses all writes except removals.</summary>
    RefuseWrites,

    /// <summary>Redis is a replica of a missing server: it answers READONLY.</summary>
    Demote,

    /// <summary>The ACL forbids scripts.</summary>
    ForbidScripts,

    /// <summary>A trigger of the shop raises for some products.</summary>
    RaisingTrigger,

    /// <summary>A trigger of the shop returns null for some products, which suppresses the write.</summary>
    SuppressingTrigger,

    /// <summary>Rows are written while the triggers are disabled, and the triggers come back weakened.</summary>
    RowsWithoutVersion,
}

/// <param name="At">Since the start of the run.</param>
/// <param name="Hold">Until it is healed.</param>
internal sealed record PlannedFault(TimeSpan At, FaultKind Kind, Target Target, TimeSpan Hold)
{
    /// <summary>Two processes of one kind share a row of the report.</summary>
    public string Name => $"{Verb} {Target.ToString().ToLowerInvariant().TrimEnd('1', '2')}";

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{At.TotalSeconds,7:0.0} s  {Verb} {Target.ToString().ToLowerInvariant()} for {Hold.TotalSeconds:0.0} s");

    private string Verb => Kind switch
    {
        FaultKind.Outage => "stop for long",
        FaultKind.DropConnections => "drop connections of",
        FaultKind.DropSubscriptions => "drop subscriptions of",
        FaultKind.DamageKeys => "damage keys of",
        FaultKind.RefuseWrites => "fill the memory of",
        FaultKind.ForbidScripts => "forbid scripts of",
        FaultKind.RaisingTrigger => "let a trigger raise in",
        FaultKind.SuppressingTrigger => "let a trigger return null in",
        FaultKind.RowsWithoutVersion => "write rows without versions to",
        _ => Kind.ToString().ToLowerInvariant(),
    };
}

/// <summary>
/// The faults and their times: a pure function of the seed and the length of the run. One fault at a time, each followed by a calm, so
/// that a stale read can be attributed to it.
/// </summary>
internal sealed class Schedule
{
    /// <summary>The time before the first fault, to measure staleness without faults.</summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(5);

    private static readonly (TimeSpan Min, TimeSpan Max) Pauses = (TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(8));
    private static readonly (TimeSpan Min, TimeSpan Max) Downtimes = (TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(3));
    private static readonly (TimeSpan Min, TimeSpan Max) Outages = (TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(120));
    private static readonly (TimeSpan Min, TimeSpan Max) Calms = (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));

    /// <summary>Shorter runs have no outage, which would leave no time for other faults.</summary>
    private static readonly TimeSpan MinLengthOfOutages = TimeSpan.FromMinutes(5);

    /// <summary>One run in this many truncates the table once.</summary>
    private const int TruncateOneIn = 4;

    private static readonly (FaultKind Kind, Target Target)[] Deck =
    [
        .. Enum.GetValues<Target>().Select(target => (FaultKind.Kill, target)),
        .. Enum.GetValues<Target>().Select(target => (FaultKind.Pause, target)),
        (FaultKind.Outage, Target.Kafka),
        (FaultKind.Restart, Target.Redis),
        (FaultKind.Restart, Target.Postgres),
        (FaultKind.Restart, Target.Kafka),
        (FaultKind.Flush, Target.Redis),
        (FaultKind.DropConnections, Target.Redis),
        (FaultKind.DropConnections, Target.Postgres),
        (FaultKind.DropSubscriptions, Target.Redis),
        (FaultKind.DamageKeys, Target.Redis),
        (FaultKind.RefuseWrites, Target.Redis),
        (FaultKind.Demote, Target.Redis),
        (FaultKind.ForbidScripts, Target.Redis),
        (FaultKind.RaisingTrigger, Target.Postgres),
        (FaultKind.SuppressingTrigger, Target.Postgres),
        (FaultKind.RowsWithoutVersion, Target.Postgres),
    ];

    private Schedule(TimeSpan length, IReadOnlyList<PlannedFault> faults, TimeSpan? truncateAt)
    {
        Length = length;
        Faults = faults;
        TruncateAt = truncateAt;
    }

    /// <summary>The time of faults and writes. Recovery, a quiet time and the checks follow.</summary>
    public TimeSpan Length { get; }

    public IReadOnlyList<PlannedFault> Faults { get; }

    public TimeSpan? TruncateAt { get; }

    public static Schedule Of(int seed, TimeSpan length, bool withKafka)
    {
        var random = new Random(seed);
        TimeSpan? truncateAt = random.Next(TruncateOneIn) == 0 ? length * (0.25 + (0.5 * random.NextDouble())) : null;
        var deck = Deck
            .Where(card => withKafka || card.Target != Target.Kafka)
            .Where(card => length >= MinLengthOfOutages || card.Kind != FaultKind.Outage)
            .ToArray();
        List<PlannedFault> faults = [];
        var at = WarmUp;
        while (true)
        {
            // Dealt, not drawn: a long run has every fault, a short one no fault twice.
            random.Shuffle(deck);
            foreach (var (kind, target) in deck)
            {
                var hold = HoldOf(kind, random);
                if (at + hold > length)
                {
                    return new Schedule(length, faults, truncateAt);
                }

                var fault = new PlannedFault(at, kind, target, hold);
                faults.Add(fault);
                at += hold + Recovery(fault) + Aftermath(fault) + Between(Calms, random);
            }
        }
    }

    /// <summary>
    /// How long after its end a fault may still cause stale reads. The partitions of a killed Worker move to another one after the session
    /// timeout of Kafka; everything else recovers within two seconds.
    /// </summary>
    public static TimeSpan Aftermath(PlannedFault fault) => fault switch
    {
        { Target: Target.Worker1 or Target.Worker2 } => TimeSpan.FromSeconds(7),
        { Target: Target.Kafka } => TimeSpan.FromSeconds(5),
        _ => TimeSpan.FromSeconds(3),
    };

    // What a start is expected to take; a slower one moves what follows.
    private static TimeSpan Recovery(PlannedFault fault) => fault switch
    {
        { Kind: FaultKind.Kill or FaultKind.Restart or FaultKind.Outage, Target: Target.Kafka } => TimeSpan.FromSeconds(6),
        { Kind: FaultKind.Kill or FaultKind.Restart } => TimeSpan.FromSeconds(2),
        _ => TimeSpan.Zero,
    };

    private static TimeSpan HoldOf(FaultKind kind, Random random) => kind switch
    {
        FaultKind.Pause or FaultKind.DamageKeys or FaultKind.RefuseWrites or FaultKind.Demote or FaultKind.ForbidScripts
            or FaultKind.RaisingTrigger or FaultKind.SuppressingTrigger => Between(Pauses, random),
        FaultKind.Kill or FaultKind.Restart => Between(Downtimes, random),
        FaultKind.Outage => Between(Outages, random),
        _ => TimeSpan.Zero,
    };

    private static TimeSpan Between((TimeSpan Min, TimeSpan Max) range, Random random) =>
        range.Min + ((range.Max - range.Min) * random.NextDouble());
}
