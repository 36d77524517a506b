namespace ProductCache.TestSupport.Explorer;

internal static class Scenarios
{
    public static readonly Scenario Read = new("Readers miss a product");
    public static readonly Scenario ReadAbsent = new("Readers miss a product that does not exist yet") { StartsWithRow = false };
    public static readonly Scenario Unreadable = new("A change leaves a row that is no valid product") { UnreadableRows = true };
    public static readonly Scenario Purge = new("A product is purged") { Reads = 2, Purges = true };
    public static readonly Scenario Early = new("A reader asks for an early refresh") { EarlyReads = 1 };
    public static readonly Scenario Fresh = new("A reader sends no-cache") { Reads = 1, FreshReads = 1, ChangeJobs = 1 };
    public static readonly Scenario Near = new("An API process has a near cache") { Reads = 1, NearReads = 1, FillJobs = 1 };
    public static readonly Scenario Late = new("An insert commits after later versions") { LateInserts = true, Changes = 3, Faults = 0 };

    public static readonly Scenario Mapped = new("Readers miss a product of a mapping") { Mapped = true, ChangesThroughKeys = true };
    public static readonly Scenario MappedAbsent = Mapped with { Name = "Readers miss a product that a mapping does not give yet", StartsWithRow = false };
    public static readonly Scenario MappedEarly = Mapped with { Name = "A reader asks for an early refresh of a product of a mapping", Reads = 1, EarlyReads = 1, ChangeJobs = 1 };
    public static readonly Scenario MappedNear = Mapped with { Name = "An API process has a near cache, with a mapping", Reads = 1, NearReads = 1, FillJobs = 1, ChangeJobs = 1 };

    public static readonly Scenario EarlyBehind = Early with { Name = $"{Early.Name}, and Workers are behind", Faults = 0, WorkersMayBeBehind = true };
    public static readonly Scenario FreshBehind = Fresh with { Name = $"{Fresh.Name}, and Workers are behind", Faults = 0, WorkersMayBeBehind = true };

    /// <summary>Two changes and any single fault: complete within seconds each.</summary>
    public static readonly IReadOnlyList<Scenario> Short = [Read, ReadAbsent, Unreadable, Purge, Early, Fresh, Near, Late, Mapped, MappedAbsent, MappedEarly, MappedNear];

    /// <summary>More changes, readers and faults. Most take minutes; the largest end incomplete at their limit of time or states.</summary>
    public static readonly IReadOnlyList<Scenario> Long =
    [
        .. Short,
        Read with { Name = $"{Read.Name}; any number of faults", Faults = Scenario.Unlimited },
        ReadAbsent with { Name = $"{ReadAbsent.Name}; any number of faults", Faults = Scenario.Unlimited },
        Read with { Name = $"{Read.Name}; 2 faults", Faults = 2 },
        Read with { Name = $"{Read.Name}; 3 changes", Changes = 3 },
        Late with { Name = $"{Late.Name}; 1 fault", Faults = 1 },
        Late with { Name = $"{Late.Name}; early refresh", EarlyReads = 1 },
        Unreadable with { Name = $"{Unreadable.Name}; 2 faults", Faults = 2 },
        Unreadable with { Name = $"{Unreadable.Name}; 3 changes", Changes = 3 },
        Purge with { Name = $"{Purge.Name}; any number of readers", Reads = Scenario.Unlimited },
        Purge with { Name = $"{Purge.Name}; 2 faults", Faults = 2 },
        Early with { Name = $"{Early.Name}, twice", EarlyReads = 2 },
        Early with { Name = $"{Early.Name}; 2 faults", Faults = 2 },
        Fresh with { Name = $"{Fresh.Name}; 2 Workers refresh", ChangeJobs = 2 },
        Fresh with { Name = $"{Fresh.Name}; 2 readers miss", Reads = 2, FillJobs = 1 },
        Fresh with { Name = $"{Fresh.Name}; 2 faults", Faults = 2, FillJobs = 1 },
        Fresh with { Name = $"{Fresh.Name}; any number of failovers", Faults = Scenario.Unlimited, Kinds = Fault.Failover },
        Mapped with { Name = $"{Mapped.Name}; 2 faults", Faults = 2 },
        Mapped with { Name = $"{Mapped.Name}; 3 changes", Changes = 3 },
        MappedEarly with { Name = $"{MappedEarly.Name}; 3 changes", Changes = 3, Faults = 0 },
        Near with { Name = $"{Near.Name}; 2 Workers fill", FillJobs = 2 },
        Near with { Name = $"{Near.Name}; 2 readers at one time", NearReads = 2, NearArrivals = 2, ChangeJobs = 1 },
        Near with { Name = $"{Near.Name}; 2 faults", Faults = 2 },
    ];

    /// <summary>The Worker is more than the lifetime of a lease behind.</summary>
    public static readonly IReadOnlyList<Scenario> Behind =
    [
        Read with { Name = $"{Read.Name}, and Workers are behind", Faults = 0, WorkersMayBeBehind = true },
        EarlyBehind,
        FreshBehind,
    ];
}
