using CsCheck;

namespace ProductCache.TestSupport.Model;

/// <summary>What may happen next. What cannot happen just now is skipped, so any list of steps is a run.</summary>
internal enum StepKind
{
    Upsert,
    Delete,
    DrawVersion,
    CommitDrawn,
    Relay,
    RelayAndCrash,
    DeliverChange,
    DeliverChangeAgain,
    DeliverRequest,
    Continue,
    Finish,
    ClaimAgain,
    SendAgain,
    CrashWorker,
    FreezeWorker,
    ReaderMisses,
    ReaderAsksEarly,
    ReaderDemandsFresh,
    ExpireLease,
    ExpireEntry,
    LoseRedis,
    NearRead,
    NearReadBegins,
    NearReadEnds,
    Hear,
    HearAll,
    LoseMessage,
    Heartbeat,
    Silence,
}

/// <param name="Choice">Which one of those that are there, counted from 0, modulo their number.</param>
internal readonly record struct Step(StepKind Kind, int Product, int Choice);

/// <summary>How all products begin.</summary>
internal enum Start
{
    Absent,
    Row,
    CachedRow,
}

/// <param name="FinishFirst">When all is drained: what runs ends before, or after, what is left has been delivered.</param>
/// <param name="EndReadsFirst">When all is drained: reads end before, or after, the last notifications are heard.</param>
internal sealed record ModelCase(int Products, Start Start, bool FinishFirst, bool EndReadsFirst, Step[] Steps)
{
    public const int MaxSteps = 50;

    // How often, among each other. Workers have the most to do.
    private static readonly (int, StepKind)[] Always =
    [
        (9, StepKind.Upsert),
        (3, StepKind.Delete),
        (3, StepKind.Relay),
        (11, StepKind.DeliverChange),
        (10, StepKind.DeliverRequest),
        (20, StepKind.Continue),
        (9, StepKind.Finish),
        (6, StepKind.ReaderAsksEarly),
        (2, StepKind.ExpireLease),
        (2, StepKind.ExpireEntry),
    ];

    private static readonly (int, StepKind)[] LateInserts = [(7, StepKind.DrawVersion), (7, StepKind.CommitDrawn)];

    private static readonly (int, StepKind)[] Failures =
    [
        (1, StepKind.RelayAndCrash),
        (3, StepKind.DeliverChangeAgain),
        (6, StepKind.ClaimAgain),
        (2, StepKind.SendAgain),
        (2, StepKind.CrashWorker),
        (2, StepKind.FreezeWorker),
        (2, StepKind.ReaderMisses),
        (2, StepKind.ExpireLease),
        (2, StepKind.LoseRedis),
    ];

    private static readonly (int, StepKind)[] Readers =
    [
        (9, StepKind.NearRead),
        (5, StepKind.NearReadBegins),
        (4, StepKind.NearReadEnds),
        (2, StepKind.Hear),
        (6, StepKind.HearAll),
        (4, StepKind.LoseMessage),
        (1, StepKind.Heartbeat),
        (1, StepKind.Silence),
        (1, StepKind.LoseRedis),
        (8, StepKind.ReaderDemandsFresh),
    ];

    // A run in which everything may happen has little of each: most runs leave something out.
    private static readonly Gen<Gen<StepKind>> Kinds = Gen.OneOf<Gen<StepKind>>(
        Gen.Frequency(Always),
        Gen.Frequency([.. Always, .. LateInserts]),
        Gen.Frequency([.. Always, .. Failures]),
        Gen.Frequency([.. Always, .. Readers]),
        Gen.Frequency([.. Always, .. LateInserts, .. Failures, .. Readers]));

    private static readonly Gen<Step[]> AllSteps = Kinds.SelectMany(kinds =>
        Gen.Select(kinds, Gen.Int[0, 2], Gen.Int[0, 5], (kind, product, choice) => new Step(kind, product, choice)).Array[1, MaxSteps]);

    // What can go wrong mostly goes wrong with one product; the others are there for batches.
    public static readonly Gen<ModelCase> Any = Gen.Select(
        Gen.Frequency((6, 1), (1, 2), (1, 3)),
        Gen.Frequency((1, Start.Absent), (1, Start.Row), (3, Start.CachedRow)),
        Gen.Bool,
        Gen.Bool,
        AllSteps,
        (products, start, finishFirst, endReadsFirst, steps) => new ModelCase(products, start, finishFirst, endReadsFirst, steps));

    /// <summary>The case without whatever it does not need to fail.</summary>
    public ModelCase Reduce(Func<ModelCase, bool> fails)
    {
        var reduced = Enumerable.Range(1, Products).Select(products => this with { Products = products }).First(fewer => fewer.Products == Products || fails(fewer));
        for (var size = reduced.Steps.Length / 2; size > 0; size /= 2)
        {
            int length;
            do
            {
                length = reduced.Steps.Length;
                for (var start = length - size; start >= 0; start--)
                {
                    var without = reduced with { Steps = [.. reduced.Steps[..start], .. reduced.Steps[Math.Min(start + size, reduced.Steps.Length)..]] };
                    if (start < reduced.Steps.Length && fails(without))
                    {
                        reduced = without;
                    }
                }
            }
            while (reduced.Steps.Length < length);
        }

        return reduced;
    }
}
