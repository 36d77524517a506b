using System.Globalization;
using System.Numerics;
using ProductCache.Application;
using ProductCache.Domain;
using CacheState = ProductCache.TestSupport.InMemoryCache.CacheState;

namespace ProductCache.TestSupport.Explorer;

internal enum Role
{
    FillJob,
    ChangeJob,
    Reader,
    EarlyReader,
    FreshReader,
    Purge,
}

/// <summary>A handler on its way.</summary>
/// <param name="Message">What is delivered again if its Worker crashes: <see cref="RequestMessage"/> or changes.</param>
/// <param name="Since">Of a no-cache reader: the number of commits when it came.</param>
internal sealed record Running(Role Role, HandlerState State, object? Message, int Since);

/// <param name="IsFresh">The outbox has it: the relay may leave it out for a newer one.</param>
internal readonly record struct ChangeMessage(Change Change, bool IsFresh);

/// <summary>A command that will be executed a second time.</summary>
/// <param name="Claim">Of a claim: what its first execution returned.</param>
internal sealed record LateCopy(HandlerState Of, Lease? Claim);

internal readonly record struct RowRead(StoreRead Read, DateTimeOffset Time, string Text);

/// <summary>
/// One product: its row, what Redis has of it, what is on its way in Kafka, and the handlers that are running. A state of the
/// exploration; a step makes a copy and changes that.
/// </summary>
internal sealed partial class World(Exploration exploration)
{
    /// <summary>Of the time of a fill: the low bits tell fills apart, the high bits are the number of commits that the read saw.</summary>
    private const int StampBits = 5;

    /// <summary>A time that no fill has.</summary>
    public const long NoStamp = (1 << StampBits) - 1;

    private const int MaxTokens = 31;

    // history[n]: the version after n commits; 0: no row; negative: the row of this version is no valid product.
    private long[] history = [0];
    private long lastVersion;

    // The version of an insert that has not committed yet.
    private long? drawn;
    private int changesLeft;
    private ChangeMessage[] topic = [];
    private RequestMessage[] requests = [];
    private Running[] running = [];
    private LateCopy[] copies = [];
    private string[] tokens = [];
    private int faultsLeft;
    private int readsLeft;
    private int earlyReadsLeft;
    private int freshReadsLeft;
    private bool purged;

    // The number of commits that readers of Redis have seen.
    private int seen;

    public CacheState Cache { get; private set; } = new(null, null, "%0");

    public string? Violation { get; private set; }

    private long Row => history[^1];

    private int Commits => history.Length - 1;

    private Scenario Scenario => exploration.Scenario;

    private Programs Programs => exploration.Programs;

    private bool ChangesArePending => drawn is not null || expansions > 0 || topic.Length > 0 || running.Any(job => job.Role == Role.ChangeJob);

    public static World Start(Exploration exploration)
    {
        var world = Empty(exploration);
        if (exploration.Scenario.StartsCached)
        {
            world.Serve(Role.Reader, exploration.Programs.Reader(), behind: false);
            world.inbox = [];
        }

        return world;
    }

    private static World Empty(Exploration exploration) => new(exploration)
    {
        history = exploration.Scenario.Mapped ? [MappedRow(0, exploration.Scenario.StartsWithRow ? 0 : null)] : exploration.Scenario.StartsWithRow ? [0, 1] : [0],
        lastVersion = exploration.Scenario is { StartsWithRow: true, Mapped: false } ? 1 : 0,
        changesLeft = exploration.Scenario.Changes,
        faultsLeft = exploration.Scenario.Faults,
        readsLeft = exploration.Scenario.Reads,
        earlyReadsLeft = exploration.Scenario.EarlyReads,
        freshReadsLeft = exploration.Scenario.FreshReads,
        nearArrivalsLeft = exploration.Scenario.NearArrivals,
        near = exploration.Scenario.NearReads > 0 ? exploration.Programs.NearCache() : null,
    };

    // What handlers call.

    public T OnCache<T>(Func<IGuardedCache, Task<T>> command)
    {
        exploration.Cache.State = Cache;
        var step = command(exploration.Cache);
        Cache = exploration.Cache.State;
        return step.IsCompleted ? step.GetAwaiter().GetResult() : throw new InvalidOperationException("The cache did not answer at once.");
    }

    public RowRead ReadRow(bool readsClock)
    {
        if (!readsClock)
        {
            return new RowRead(Programs.ReadOf(Row), default, DescribeRow());
        }

        var stamp = FirstFree(StampsInUse(), (int)NoStamp);
        var time = DateTimeOffset.FromUnixTimeMilliseconds(((long)Commits << StampBits) | (uint)stamp);
        return new RowRead(Programs.ReadOf(Row), time, $"{DescribeRow()} after commit {Commits} @{stamp}");
    }

    public void Request(RequestMessage message) => requests = [.. requests, message];

    /// <summary>The lease under the number that stands for its token.</summary>
    public static Lease? Named(World world, Lease? lease)
    {
        if (lease is not { } real)
        {
            return null;
        }

        var number = FirstFree(world.TokensInUse(), MaxTokens);
        var named = world.tokens.ToList();
        while (named.Count <= number)
        {
            named.Add(string.Empty);
        }

        named[number] = real.Token;
        world.tokens = [.. named];
        return real with { Token = $"#{number}" };
    }

    /// <summary>Gives the history of the cache the smallest number that no handler remembers, unless one remembers this history.</summary>
    public void NameHistory()
    {
        var inUse = HistoriesInUse();
        if ((inUse & (1u << HistoryNumber)) == 0)
        {
            Cache = Cache with { History = $"%{FirstFree(inUse, MaxTokens)}" };
        }
    }

    public Lease Real(Lease lease) => lease with { Token = tokens[NumberOf(lease)] };

    public static string Describe(Lease? lease) => lease?.Token ?? "no lease";

    public static string Describe(byte[]? payload) => CachedProduct.TryRead(payload, out var entry) ? Describe(entry) : "no entry";

    public static string Describe(CachedProduct? entry) => entry is null ? "no entry"
        : entry.Mapping != 0 ? $"{DescribeMapped(MappedRowOf(entry))} {Describe(EntryTimes.Of(entry))}"
        : $"{(entry.IsAbsent ? "an absence" : entry.IsUnreadable ? $"'{entry.Reason}'" : $"version {entry.Version}")} {Describe(EntryTimes.Of(entry))}";

    public static string Describe(EntryTimes times) => string.Create(
        CultureInfo.InvariantCulture, $"filled after commit {times.FilledAt >> StampBits} @{times.FilledAt & NoStamp} for {times.Lifetime / 1000} s");

    public static string Describe(Revalidation renewal) => $"{renewal.Outcome}, {Describe(renewal.Entry)}, {Describe(renewal.Lease)}, history {renewal.History}";

    public static Answer AnswerOf(IReadOnlyList<Lease?> claims) => new(claims, Describe(claims[0]));

    public static string Describe(IEnumerable<Change> changes) =>
        string.Join(" and ", changes.Select(change => $"the {(change.Deleted ? "deletion" : "upsert")} of version {change.Version}"));

    // What may happen next.

    /// <summary>All states that are one step away, each with a text for the trace. The order is always the same.</summary>
    public IEnumerable<(World Next, Func<string> What)> Steps()
    {
        foreach (var step in (IsMapped ? MappedWriterSteps() : WriterSteps()).Concat(DeliverySteps()).Concat(ReaderSteps()).Concat(NearCacheSteps()).Concat(CacheFaults()))
        {
            yield return step;
        }

        foreach (var copy in copies)
        {
            var next = With(world => world.copies = Without(copies, copy));
            next.ExecuteCopy(copy);
            yield return Checked(next, () => $"The second copy of a command is executed: '{copy.Of.Call!.What}'");
        }

        Running[] jobs = [.. running.Where(one => one.Message is not null)];
        if (jobs.Length > 1 && May(Fault.Crash))
        {
            yield return Fault1(world => world.Crash(jobs), "The Worker with all these batches crashes");
        }

        foreach (var handler in running)
        {
            foreach (var step in HandlerSteps(handler))
            {
                yield return step;
            }
        }
    }

    private IEnumerable<(World Next, Func<string> What)> WriterSteps()
    {
        if (drawn is { } late)
        {
            yield return Checked(
                With(world =>
                {
                    world.drawn = null;
                    if (Row == 0)
                    {
                        world.Commit(late, new Change(Programs.Id, new ProductVersion(late), Deleted: false));
                    }
                }),
                () => Row == 0 ? $"The insert that drew version {late} commits" : $"The insert that drew version {late} is rolled back: there is a row");
        }

        if (changesLeft == 0)
        {
            yield break;
        }

        var version = lastVersion + 1;
        yield return Checked(
            With(world =>
            {
                world.changesLeft--;
                world.lastVersion = version;
                world.Commit(version, new Change(Programs.Id, new ProductVersion(version), Deleted: false));
            }),
            () => $"A writer commits version {version}");
        if (Scenario.UnreadableRows)
        {
            yield return Checked(
                With(world =>
                {
                    world.changesLeft--;
                    world.lastVersion = version;
                    world.Commit(-version, new Change(Programs.Id, new ProductVersion(version), Deleted: false));
                }),
                () => $"A writer commits version {version}, which is no valid product");
        }

        if (Scenario.LateInserts && drawn is null)
        {
            yield return Checked(
                With(world =>
                {
                    world.changesLeft--;
                    world.lastVersion = version;
                    world.drawn = version;
                }),
                () => $"An insert draws version {version}, and does not commit yet");
        }

        if (Row != 0)
        {
            yield return Checked(
                With(world =>
                {
                    world.changesLeft--;
                    world.Commit(0, new Change(Programs.Id, new ProductVersion(Math.Abs(Row)), Deleted: true));
                }),
                () => $"A writer deletes version {Row}");
        }
    }

    private void Commit(long version, Change change)
    {
        history = [.. history, version];
        topic = [.. topic, new ChangeMessage(change, IsFresh: true)];
    }

    private IEnumerable<(World Next, Func<string> What)> DeliverySteps()
    {
        foreach (var older in topic.Where(message => message.IsFresh && topic.Any(other =>
            other.IsFresh && other.Change.Deleted == message.Change.Deleted && other.Change.Version.Value > message.Change.Version.Value)))
        {
            yield return Checked(With(world => world.topic = Without(topic, older)), () => $"The relay leaves out {Describe([older.Change])}, since a newer one is in its batch");
        }

        if (topic.Length > 0 && running.Count(job => job.Role == Role.ChangeJob) < Scenario.ChangeJobs)
        {
            foreach (var message in topic.Distinct())
            {
                foreach (var step in Deliver([message]))
                {
                    yield return step;
                }
            }

            if (topic.Length > 1)
            {
                foreach (var step in Deliver(topic))
                {
                    yield return step;
                }
            }
        }

        if (requests.Length > 0 && running.Count(job => job.Role == Role.FillJob) < Scenario.FillJobs)
        {
            foreach (var message in requests.Distinct())
            {
                foreach (var left in LeftOver(requests, [message]))
                {
                    yield return Checked(
                        With(world =>
                        {
                            world.faultsLeft = left.Faults > 0 ? OneLess(faultsLeft) : faultsLeft;
                            world.requests = left.Left;
                            world.Begin(new Running(Role.FillJob, Programs.Fill(message), message, 0));
                        }),
                        () => $"A Worker receives a {message.Text}{(left.Faults > 0 ? ", which will be delivered again," : string.Empty)} and makes its first call");
                }
            }
        }
    }

    private IEnumerable<(World Next, Func<string> What)> Deliver(ChangeMessage[] batch)
    {
        foreach (var left in LeftOver(topic, batch))
        {
            Change[] changes = [.. batch.Select(message => message.Change)];
            yield return Checked(
                With(world =>
                {
                    world.faultsLeft = left.Faults > 0 ? OneLess(faultsLeft) : faultsLeft;
                    world.topic = [.. left.Left.Select(message => message with { IsFresh = message.IsFresh && left.Faults == 0 })];
                    world.Begin(new Running(Role.ChangeJob, Programs.Refresh(changes), changes, 0));
                }),
                () => $"A Worker receives {Describe(changes)}{(left.Faults > 0 ? ", which will be delivered again," : string.Empty)} and makes its first call");
        }
    }

    // What stays in Kafka when a batch is delivered: the rest, or, of a record that comes twice, all.
    private IEnumerable<(T[] Left, int Faults)> LeftOver<T>(T[] messages, T[] batch)
    {
        var rest = messages;
        foreach (var message in batch)
        {
            rest = Without(rest, message);
        }

        yield return (rest, 0);
        if (May(Fault.Duplicate))
        {
            yield return (messages, 1);
        }
    }

    private IEnumerable<(World Next, Func<string> What)> ReaderSteps()
    {
        if (requests.Length >= Scenario.MaxRequests)
        {
            yield break;
        }

        if (readsLeft > 0 && !IsRunning(Role.Reader))
        {
            yield return Begun(Role.Reader, Programs.Reader(), world => world.readsLeft = OneLess(readsLeft));
        }

        if (earlyReadsLeft > 0 && !IsRunning(Role.EarlyReader))
        {
            yield return Begun(Role.EarlyReader, Programs.EarlyReader(), world => world.earlyReadsLeft = OneLess(earlyReadsLeft));
        }

        if (freshReadsLeft > 0 && !IsRunning(Role.FreshReader))
        {
            yield return Begun(Role.FreshReader, Programs.FreshReader(), world => world.freshReadsLeft = OneLess(freshReadsLeft));
        }

        if (Scenario.Purges && !purged)
        {
            yield return Begun(Role.Purge, Programs.Purge(), world => world.purged = true);
        }
    }

    private IEnumerable<(World Next, Func<string> What)> CacheFaults()
    {
        if (Cache.Lease is not null && May(Fault.LeaseExpiry))
        {
            yield return Fault1(world => world.Cache = Cache with { Lease = null }, "The lease expires");
        }

        if (Cache.Entry is not null && May(Fault.EntryExpiry))
        {
            yield return Fault1(world => world.Cache = Cache with { Entry = null }, "The entry expires");
        }

        if ((Cache.Lease is not null || Cache.Entry is not null || near is not null) && May(Fault.Loss))
        {
            yield return Fault1(
                world =>
                {
                    world.Cache = Cache with { Lease = null, Entry = null };
                    world.gap = near is not null;
                },
                "Redis loses all data");
        }

        // Only a handler that remembers the history can tell.
        var inUse = HistoriesInUse();
        if ((inUse & (1u << HistoryNumber)) != 0 && May(Fault.Failover))
        {
            yield return Fault1(
                world => world.Cache = Cache with { History = $"%{FirstFree(inUse, MaxTokens)}" }, "Another server with the same data takes over from Redis");
        }
    }

    private IEnumerable<(World Next, Func<string> What)> HandlerSteps(Running handler)
    {
        if (handler.State.Waits)
        {
            // A notification, which wakes a reader, and the end of its wait, after which it looks by itself, are one to it.
            yield return Checked(With(world => world.Replace(handler, handler.State.AfterTime())), () => $"{NameOf(handler)} looks again");
            yield break;
        }

        var call = handler.State.Call!;
        yield return Executed(handler, copied: false);
        if (call.Kind is PortKind.Command or PortKind.Claim)
        {
            if (copies.Length == 0 && May(Fault.LateCopy))
            {
                yield return Executed(handler, copied: true);
            }

            if (May(Fault.LostAnswer))
            {
                yield return Fault1(world => call.Execute(world), $"{NameOf(handler)}: '{call.What}' is executed, but its answer is lost, and it is sent again");
            }
        }

        if (call.Kind == PortKind.Publish && May(Fault.LostAcknowledgement))
        {
            foreach (var arrived in (bool[])[false, true])
            {
                yield return Fault1(
                    world =>
                    {
                        if (arrived)
                        {
                            call.Execute(world);
                        }

                        world.Continue(handler, new Answer(new UnavailableException(Dependency.Broker), "not acknowledged"));
                    },
                    $"{NameOf(handler)}: the broker does not acknowledge the request, which {(arrived ? "it has" : "is lost")}");
            }
        }

        if (May(Fault.Crash))
        {
            yield return Fault1(world => world.Crash([handler]), $"{NameOf(handler)} crashes before '{call.What}'");
        }
    }

    private (World Next, Func<string> What) Executed(Running handler, bool copied)
    {
        var call = handler.State.Call!;
        var answer = (Answer?)null;
        var next = With(world =>
        {
            answer = call.Execute(world);
            if (copied)
            {
                world.faultsLeft = OneLess(faultsLeft);
                var claim = call.Kind == PortKind.Claim ? ((IReadOnlyList<Lease?>)answer.Value!)[0] : null;
                world.copies = [.. copies, new LateCopy(handler.State, claim)];
            }

            world.Continue(handler, answer);
        });
        return Checked(next, () => $"{NameOf(handler)} {call.What}: {answer!.Text}{(copied ? "; a second copy of the command is on its way" : string.Empty)}");
    }

    private (World Next, Func<string> What) Begun(Role role, HandlerState state, Action<World> count)
    {
        var handler = new Running(role, state, null, role == Role.FreshReader ? Commits : 0);
        return Checked(
            With(world =>
            {
                count(world);
                world.Begin(handler);
            }),
            () => $"{NameOf(handler)} comes and makes its first call");
    }

    // Until its first call a handler does nothing, so its begin and that call are one step.
    private void Begin(Running handler)
    {
        running = [.. running, handler];
        Continue(handler, handler.State.Call!.Execute(this));
    }

    private void Continue(Running handler, Answer answer)
    {
        var next = handler.State.After(answer);
        if (handler.Role == Role.FreshReader && next.Waits)
        {
            next = Programs.WaitingFreshReader(next);
        }

        // Without an API process that hears it, nothing can tell when a notification is sent: it is a part of the step before.
        // (A crash between the two is a record that is delivered twice.)
        while (next.Call is { Kind: PortKind.Notify } notify && near is null)
        {
            next = next.After(notify.Execute(this));
        }

        Replace(handler, next);
    }

    private void Replace(Running handler, HandlerState next)
    {
        var ends = next.IsFinished || (next.Waits && handler.Role != Role.FreshReader);
        if (ends)
        {
            running = Without(running, handler);
            CheckResult(handler, next.Result);
        }
        else
        {
            running = [.. running.Select(one => ReferenceEquals(one, handler) ? handler with { State = next } : one)];
        }
    }

    private void Crash(IReadOnlyList<Running> victims)
    {
        foreach (var victim in victims)
        {
            running = Without(running, victim);
            switch (victim.Message)
            {
                case RequestMessage message:
                    requests = [.. requests, message];
                    break;
                case Change[] changes:
                    topic = [.. topic, .. changes.Select(change => new ChangeMessage(change, IsFresh: false))];
                    break;
            }
        }
    }

    private void ExecuteCopy(LateCopy copy)
    {
        if (copy.Claim is { } claim)
        {
            copy.Of.Call!.ExecuteAgain!(this, claim);
        }
        else
        {
            copy.Of.Call!.Execute(this);
        }
    }

    private (World Next, Func<string> What) Fault1(Action<World> fault, string what) => Checked(
        With(world =>
        {
            world.faultsLeft = OneLess(faultsLeft);
            fault(world);
        }),
        () => what);

    private (World Next, Func<string> What) Checked(World next, Func<string> what)
    {
        next.CheckAlways();
        return (next, what);
    }

    private World With(Action<World> change)
    {
        var copy = (World)MemberwiseClone();
        change(copy);
        return copy;
    }

    private bool May(Fault fault) => faultsLeft > 0 && (Scenario.Kinds & fault) != 0;

    private static int OneLess(int left) => left == Scenario.Unlimited ? left : left - 1;

    private bool IsRunning(Role role) => running.Any(one => one.Role == role);

    private static string NameOf(Running handler) => handler.Role switch
    {
        Role.FillJob => "The Worker that fills",
        Role.ChangeJob => "The Worker that refreshes",
        Role.Reader => "The reader",
        Role.EarlyReader => "The reader of an entry close to its end",
        Role.FreshReader => "The no-cache reader",
        _ => "The purge",
    };

    private static T[] Without<T>(T[] all, T one)
    {
        var at = Array.IndexOf(all, one);
        return [.. all[..at], .. all[(at + 1)..]];
    }

    public static string FaultOf(long row) => $"Version {-row} is no valid product.";

    public static Product ProductOf(long version) => TestProducts.Product(Programs.Id, version, name: $"Tea {version}");

    private int HistoryNumber => int.Parse(Cache.History.AsSpan(1), CultureInfo.InvariantCulture);

    private static int NumberOf(Lease lease) => int.Parse(lease.Token.AsSpan(1), CultureInfo.InvariantCulture);

    private static int StampOf(CachedProduct entry) => (int)(entry.FilledAt.ToUnixTimeMilliseconds() & ((1 << StampBits) - 1));

    private static int CommitsAt(CachedProduct entry) => (int)(entry.FilledAt.ToUnixTimeMilliseconds() >> StampBits);

    private static int FirstFree(uint bits, int limit) =>
        BitOperations.TrailingZeroCount(~bits) is var free && free < limit ? free : throw new InvalidOperationException("More is in use than the key of a state has room for.");

    private uint TokensInUse()
    {
        var bits = 0u;
        foreach (var one in running)
        {
            bits |= one.State.Tokens;
        }

        foreach (var copy in copies)
        {
            bits |= copy.Of.Tokens | (copy.Claim is { } claim ? 1u << NumberOf(claim) : 0);
        }

        return bits;
    }

    private uint HistoriesInUse()
    {
        var bits = 0u;
        foreach (var one in running)
        {
            bits |= one.State.Histories;
        }

        foreach (var copy in copies)
        {
            bits |= copy.Of.Histories;
        }

        return bits;
    }

    private uint StampsInUse()
    {
        var bits = CachedProduct.TryRead(Cache.Entry?.Payload, out var entry) ? 1u << StampOf(entry) : 0;
        foreach (var one in running)
        {
            bits |= one.State.Stamps | ((one.Message as RequestMessage)?.Stamps ?? 0);
        }

        foreach (var message in requests)
        {
            bits |= message.Stamps;
        }

        foreach (var copy in copies)
        {
            bits |= copy.Of.Stamps;
        }

        bits |= near?.Stamps ?? 0;

        return bits;
    }
}
