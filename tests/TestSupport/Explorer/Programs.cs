using System.Diagnostics.CodeAnalysis;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport.Explorer;

/// <summary>A product request on its way to the Workers.</summary>
/// <param name="Renews">The <see cref="EntryTimes"/> of the entry that is to be read again although it is cached; null: it names no entry.</param>
internal sealed record RequestMessage(ProductId Id, Answer? Renews = null)
{
    public string Text { get; } = Renews is null ? "request" : $"request to renew what was {Renews.Text}";

    public uint Stamps { get; } = Renews?.Stamps ?? 0;
}

/// <summary>The use cases that are explored, each with an instance of its own for each run.</summary>
internal sealed class Programs(Mutant mutant, Scenario scenario)
{
    public static readonly ProductId Id = new(1);

    // The clock stands still, so no entry expires by itself: expiry is a step of the exploration.
    private static readonly CacheLifetimes Lifetimes = new() { JitterPercent = 0 };

    private static readonly DateTimeOffset FarFuture = new(9000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly HandlerState.Counter counter = new();
    private readonly Dictionary<string, HandlerState> starts = [];
    private readonly Dictionary<string, HandlerState> fills = [];
    private readonly Dictionary<long, ReadOnlyMemory<byte>> bodies = [];
    private readonly Dictionary<long, StoreRead> reads = [];
    private NearCacheState? nearCache;

    /// <summary>Null: the built-in table.</summary>
    public EntryFormat? Format { get; } = scenario.Mapped ? EntryFormat.OfMapping(7) : null;

    /// <summary>What a reader gets of a row.</summary>
    public ReadOnlyMemory<byte> BodyOf(long version)
    {
        if (!bodies.TryGetValue(version, out var body))
        {
            bodies[version] = body = CachedProduct.Of(World.ProductOf(version), DateTimeOffset.UnixEpoch, TimeSpan.Zero).Body;
        }

        return body;
    }

    /// <summary>What a Worker reads of a row, as the history of commits has it.</summary>
    public StoreRead ReadOf(long row)
    {
        if (!reads.TryGetValue(row, out var read) && scenario.Mapped)
        {
            reads[row] = read = World.MappedReadOf(row);
        }
        else if (read is null)
        {
            Dictionary<ProductId, Product> products = [];
            Dictionary<ProductId, string> unreadable = [];
            if (row > 0)
            {
                products[Id] = World.ProductOf(row);
            }
            else if (row < 0)
            {
                unreadable[Id] = World.FaultOf(row);
            }

            reads[row] = read = new StoreRead(products, unreadable);
        }

        return read;
    }

    /// <summary>A Worker that was asked for the product.</summary>
    public HandlerState Fill(RequestMessage message)
    {
        if (!fills.TryGetValue(message.Text, out var state))
        {
            fills[message.Text] = state = Start(FillProgram(message));
        }

        return state;
    }

    /// <summary>A Worker that received changes.</summary>
    public HandlerState Refresh(Change[] changes) => Start(new HandlerProgram($"refresh after {World.Describe(changes)}", async (ports, _) =>
    {
        await mutant.PlantedBug.RefreshAsync(ports, ports, ports, new RefreshCache(changes), Format);
        return null;
    }));

    /// <summary>A reader without demands. Its clock stands before the end of every entry, so it asks for no early refresh.</summary>
    public HandlerState Reader() => Start(new HandlerProgram("reader", async (ports, clock) =>
        await ReadAsync(ports, clock)));

    /// <summary>A reader to whose clock every entry is close to its end.</summary>
    public HandlerState EarlyReader() => Start(new HandlerProgram("early reader", async (ports, clock) =>
    {
        clock.Now = FarFuture;
        var result = await ReadAsync(ports, clock);
        if (result is GetProductResult.Found)
        {
            // The early refresh goes on in the background, and ends by waiting for the time when it may ask again.
            await new TaskCompletionSource().Task;
        }

        return result;
    }));

    /// <summary>A reader that sends no-cache. It waits for as long as it takes.</summary>
    public HandlerState FreshReader() => Start(new HandlerProgram("no-cache reader", async (ports, clock) =>
    {
        var (entry, _) = await new Revalidator(ports, NoNearCache.Instance, ports, clock).WaitAsync(Id, _ => false, TimeSpan.FromDays(1), default);
        return entry;
    }));

    /// <summary>
    /// A state that behaves like the given one, whatever led to it. While it waits, a reader remembers its marker and whether it
    /// has asked, and the latter does not change what it does. So all the ways to one marker are one state: the one in which the reader
    /// was told of the marker only. What the reader says when it looks again shows which marker it has.
    /// </summary>
    public HandlerState WaitingFreshReader(HandlerState waiting)
    {
        var says = waiting.AfterTime().Call!.What;
        var markers = waiting.Answers.OfType<Revalidation>().Where(renewal => renewal.Outcome == RevalidationOutcome.Asked)
            .Select(renewal => renewal with { Lease = null })
            .Append(new Revalidation(RevalidationOutcome.Busy, null, null, string.Empty));
        foreach (var told in markers)
        {
            var shortest = FreshReader().After(new Answer(told, World.Describe(told)));
            if (shortest.AfterTime().Call!.What == says)
            {
                return shortest;
            }
        }

        throw new InvalidOperationException($"The reader was told of no marker with which it '{says}'.");
    }

    public HandlerState Purge() => Start(new HandlerProgram("purge", async (ports, _) => await new PurgeCacheHandler(ports, ports).Handle(new PurgeCache(Id), default)));

    public NearCacheState NearCache() => nearCache ??= NearCacheState.Start(mutant.PlantedBug, counter);

    private static Task<GetProductResult> ReadAsync(RecordedPorts ports, StepClock clock) => new GetProductHandler(
        NoNearCache.Instance,
        ports,
        new MissCoalescer(ports, ports, ports, clock),
        new Revalidator(ports, NoNearCache.Instance, ports, clock),
        new EagerRefresh(ports, ports, clock),
        clock).Handle(new GetProduct(Id), default);

    private HandlerProgram FillProgram(RequestMessage message) => new($"fill after {message.Text}", async (ports, clock) =>
    {
        var absences = new NegativeCachingPolicy(Lifetimes, clock, new Random(0));
        var renews = mutant.DropsWhatARequestRenews ? null : (EntryTimes?)message.Renews?.Value;
        var request = new FillCache([new FillRequest(message.Id, renews)]);
        IProductStore store = mutant.ReadsSqlBeforeTheClaim ? await Mutant.ReadEarlyAsync(ports, message.Id) : ports;
        await new FillCacheHandler(ports, store, ports, Lifetimes, absences, clock, new Random(0), Format).Handle(request, default);
        return null;
    }, ReadsClock: true);

    private HandlerState Start(HandlerProgram program)
    {
        if (!starts.TryGetValue(program.Name, out var state))
        {
            starts[program.Name] = state = HandlerState.Start(program, counter);
        }

        return state;
    }

    private sealed class NoNearCache : INearCache
    {
        public static readonly NoNearCache Instance = new();

        public bool TryGet(ProductId id, [NotNullWhen(true)] out CachedProduct? entry)
        {
            entry = null;
            return false;
        }

        public void Forget(ProductId id)
        {
        }
    }
}
