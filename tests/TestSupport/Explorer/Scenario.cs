namespace ProductCache.TestSupport.Explorer;

/// <summary>What may go wrong, each time at the cost of one of <see cref="Scenario.Faults"/>.</summary>
[Flags]
internal enum Fault
{
    None = 0,

    /// <summary>Kafka delivers a record twice; also a Worker that is thought to be dead and goes on later.</summary>
    Duplicate = 1,

    /// <summary>Redis loses all data: it is emptied, or starts again.</summary>
    Loss = 2,

    LeaseExpiry = 4,

    EntryExpiry = 8,

    /// <summary>A Worker or a reader ends between two calls; the records of the Worker are delivered again.</summary>
    Crash = 16,

    /// <summary>The client library sends a command twice, and the second copy is executed later.</summary>
    LateCopy = 32,

    /// <summary>A command is executed, its answer is lost, and the client library sends it again.</summary>
    LostAnswer = 64,

    /// <summary>The broker does not acknowledge a request; it may have stored it.</summary>
    LostAcknowledgement = 128,

    /// <summary>An API process does not get a notification.</summary>
    LostNotification = 256,

    /// <summary>Another server with the same data takes over.</summary>
    Failover = 512,

    All = 1023,
}

/// <summary>What happens in an exploration, beside changes and Workers.</summary>
internal sealed record Scenario(string Name)
{
    public const int Unlimited = 15;

    /// <summary>Version 1 is committed, and its change is processed, before the exploration begins.</summary>
    public bool StartsWithRow { get; init; } = true;

    /// <summary>The row is cached when the exploration begins. It visits fewer states, and those after a first fill sooner.</summary>
    public bool StartsCached { get; init; }

    /// <summary>Inserts, updates and deletions of the product.</summary>
    public int Changes { get; init; } = 2;

    /// <summary>How many faults may happen in one run. Of late copies, one is on its way at one time.</summary>
    public int Faults { get; init; } = 1;

    public Fault Kinds { get; init; } = Fault.All;

    /// <summary>Requests that are handled at one time.</summary>
    public int FillJobs { get; init; } = 2;

    /// <summary>Batches of changes that are handled at one time.</summary>
    public int ChangeJobs { get; init; } = 2;

    /// <summary>Requests that wait in Kafka at one time; a reader comes only below it.</summary>
    public int MaxRequests { get; init; } = 2;

    /// <summary>How many readers come to the cache and ask for what they miss; one at a time.</summary>
    public int Reads { get; init; } = Unlimited;

    /// <summary>How many readers come to whose clock an entry is close to its end; one at a time.</summary>
    public int EarlyReads { get; init; }

    /// <summary>How many readers come that send no-cache; one at a time.</summary>
    public int FreshReads { get; init; }

    public bool Purges { get; init; }

    /// <summary>A Worker may take a request after the lease of the reader has ended, and the reader must be served all the same.</summary>
    public bool WorkersMayBeBehind { get; init; }

    /// <summary>Readers that ask an API process with a near cache at one time; 0: there is no such process.</summary>
    public int NearReads { get; init; }

    /// <summary>How many readers come to the near cache and find no copy.</summary>
    public int NearArrivals { get; init; } = Unlimited;

    /// <summary>A change may leave a row that is no valid product.</summary>
    public bool UnreadableRows { get; init; }

    /// <summary>The product is one of a mapping: every state has a version, which its commit draws.</summary>
    public bool Mapped { get; init; }

    /// <summary>Of a mapped product: a commit may change its body through a key, and leave the version to a Worker.</summary>
    public bool ChangesThroughKeys { get; init; }

    /// <summary>False: the table of the keys is not watched.</summary>
    public bool KeysAreWatched { get; init; } = true;

    /// <summary>An insert may draw its version before other changes commit, and commit after them. It counts as a change.</summary>
    public bool LateInserts { get; init; }
}
