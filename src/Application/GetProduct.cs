using MediatR;
using Microsoft.Extensions.Caching.Distributed;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <param name="Wait">How long the reader may wait for the fill. Null: a miss does not wait; a read with freshness requirements waits for <see cref="Revalidator.DefaultWait"/>.</param>
/// <param name="Freshness">Null: any cached entry is accepted.</param>
/// <param name="MayAsk">Called at most once, before a fill is requested. Returns false to reject the miss. Null: always allowed.</param>
/// <param name="MayWait">Called at most once, before the read waits for a fill. Returns false to answer without a wait. Null: always allowed.</param>
/// <param name="MayHold">
/// Called with the entry as soon as it is available. Returns false to answer <see cref="GetProductResult.TooLarge"/>. Null: always allowed.
/// </param>
public sealed record GetProduct(
    ProductId Id,
    TimeSpan? Wait = null,
    Freshness? Freshness = null,
    Func<bool>? MayAsk = null,
    Func<bool>? MayWait = null,
    Func<CachedProduct, bool>? MayHold = null)
    : IRequest<GetProductResult>;

/// <summary>The closed set of answers.</summary>
public abstract record GetProductResult
{
    private GetProductResult()
    {
    }

    /// <summary>Why and by whom a fill was requested. Null: none was.</summary>
    public Forward? Forwarded => this switch
    {
        Found { Source: EntrySource.Fill } found => found.Forward,
        Absent { Source: EntrySource.Fill } absent => absent.Forward,
        Unreadable { Source: EntrySource.Fill } unreadable => unreadable.Forward,
        Requested requested => requested.Forward,
        OlderThanDemanded older => older.Forward,
        _ => null,
    };

    /// <summary>The entry that is the answer. Null: the answer has none.</summary>
    public CachedProduct? Cached => this switch
    {
        Found found => found.Entry,
        Absent absent => absent.Entry,
        Unreadable unreadable => unreadable.Entry,
        _ => null,
    };

    /// <summary>The product.</summary>
    /// <param name="Forward">If the source is a fill: why it was requested.</param>
    public sealed record Found(CachedProduct Entry, EntrySource Source, Forward Forward = default) : GetProductResult;

    /// <summary>The product is known not to exist.</summary>
    public sealed record Absent(CachedProduct Entry, EntrySource Source, Forward Forward = default) : GetProductResult;

    /// <summary>The store has a row that is not a valid product; the entry has the reason.</summary>
    public sealed record Unreadable(CachedProduct Entry, EntrySource Source, Forward Forward = default) : GetProductResult;

    /// <summary>Not cached, or not as fresh as required. A fill has been requested, by this reader or another.</summary>
    public sealed record Requested(Forward Forward = default) : GetProductResult;

    /// <summary>The store has the product in an older version than required.</summary>
    public sealed record OlderThanDemanded(CachedProduct Entry, Forward Forward) : GetProductResult;

    /// <summary>A fill would be needed, but this reader has reached its limit. No fill was requested.</summary>
    public sealed record TooManyMisses : GetProductResult
    {
        public static readonly TooManyMisses Instance = new();
    }

    /// <summary>One of several products, and the answer may not hold more bytes (<see cref="GetProduct.MayHold"/>).</summary>
    public sealed record TooLarge : GetProductResult
    {
        public static readonly TooLarge Instance = new();
    }

    /// <summary>Not cached, or not as fresh as required, and the reader accepts cached entries only. No fill was requested.</summary>
    public sealed record NotCached : GetProductResult
    {
        public static readonly NotCached Instance = new();
    }

    /// <summary>A required dependency did not respond in time, or refuses requests.</summary>
    /// <param name="Reason">As in <see cref="UnavailableException.Reason"/>.</param>
    public sealed record Unavailable(Dependency Dependency, string? Reason = null) : GetProductResult;
}

/// <summary>The source of the entry of an answer.</summary>
public enum EntrySource
{
    /// <summary>A copy in this process.</summary>
    NearCache,

    /// <summary>The cache.</summary>
    Cache,

    /// <summary>The cache, filled while this reader waited.</summary>
    Fill,
}

/// <summary>A request that the cache could not answer.</summary>
/// <param name="Collapsed">Another reader had requested the fill already.</param>
public readonly record struct Forward(ForwardReason Reason, bool Collapsed);

public enum ForwardReason
{
    /// <summary>Nothing was cached.</summary>
    Miss,

    /// <summary>The entry was beyond its lifetime.</summary>
    Stale,

    /// <summary>The entry was within its lifetime, but the reader required a fresher one.</summary>
    Request,
}

public sealed class GetProductHandler(
    INearCache nearCache, IDistributedCache cache, MissCoalescer misses, Revalidator revalidator, EagerRefresh eagerRefresh, TimeProvider time)
    : IRequestHandler<GetProduct, GetProductResult>
{
    public async Task<GetProductResult> Handle(GetProduct request, CancellationToken cancellationToken)
    {
        try
        {
            if (nearCache.TryGet(request.Id, out var copy) && IsAccepted(request, copy))
            {
                return Hit(request, copy, EntrySource.NearCache);
            }

            if (CachedProduct.TryRead(await cache.GetAsync(CacheKeys.Entry(request.Id), cancellationToken), out var entry) && IsAccepted(request, entry))
            {
                return Hit(request, entry, EntrySource.Cache);
            }

            if (request.Freshness is { OnlyIfCached: true })
            {
                return GetProductResult.NotCached.Instance;
            }

            if (request.MayAsk is { } mayAsk && !mayAsk())
            {
                return GetProductResult.TooManyMisses.Instance;
            }

            return request.Freshness is { } freshness
                ? await RevalidateAsync(request, freshness, entry, cancellationToken)
                : await MissAsync(request, cancellationToken);
        }
        catch (UnavailableException unavailable)
        {
            return new GetProductResult.Unavailable(unavailable.Dependency, unavailable.Reason);
        }
    }

    private async Task<GetProductResult> MissAsync(GetProduct request, CancellationToken cancellationToken)
    {
        if (request.Wait is not { } wait || wait <= TimeSpan.Zero || !MayWait(request))
        {
            var asked = await misses.AskAsync(request.Id, cancellationToken);
            return new GetProductResult.Requested(new Forward(ForwardReason.Miss, Collapsed: !asked));
        }

        var (filled, collapsed) = await misses.WaitAsync(request.Id, wait, cancellationToken);
        return Filled(request, filled, new Forward(ForwardReason.Miss, collapsed));
    }

    private async Task<GetProductResult> RevalidateAsync(GetProduct request, Freshness freshness, CachedProduct? seen, CancellationToken cancellationToken)
    {
        var reason = seen is null ? ForwardReason.Miss
            : seen.AgeAt(time.GetUtcNow()) > seen.Lifetime ? ForwardReason.Stale
            : ForwardReason.Request;
        var wait = MayWait(request) ? request.Wait ?? Revalidator.DefaultWait : TimeSpan.Zero;
        var (renewal, collapsed) = await revalidator.WaitAsync(
            request.Id, entry => freshness.Accepts(entry, time.GetUtcNow()), wait, cancellationToken);
        var forward = new Forward(reason, collapsed);
        return renewal is { Version: > 0 } && renewal.Version < freshness.AtLeast?.Value
            ? new GetProductResult.OlderThanDemanded(renewal, forward)
            : Filled(request, renewal, forward);
    }

    private static bool MayWait(GetProduct request) => request.MayWait is not { } mayWait || mayWait();

    private bool IsAccepted(GetProduct request, CachedProduct entry) =>
        request.Freshness is not { } freshness || freshness.Accepts(entry, time.GetUtcNow());

    private GetProductResult Hit(GetProduct request, CachedProduct entry, EntrySource source)
    {
        if (request.Freshness is not { OnlyIfCached: true })
        {
            eagerRefresh.RefreshIfDue(request.Id, entry);
        }

        return Cached(request, entry, source);
    }

    private static GetProductResult Filled(GetProduct request, CachedProduct? entry, Forward forward) =>
        entry is null ? new GetProductResult.Requested(forward) : Cached(request, entry, EntrySource.Fill, forward);

    private static GetProductResult Cached(GetProduct request, CachedProduct entry, EntrySource source, Forward forward = default) => entry switch
    {
        _ when request.MayHold is { } mayHold && !mayHold(entry) => GetProductResult.TooLarge.Instance,
        { IsAbsent: true } => new GetProductResult.Absent(entry, source, forward),
        { IsUnreadable: true } => new GetProductResult.Unreadable(entry, source, forward),
        _ => new GetProductResult.Found(entry, source, forward),
    };
}
