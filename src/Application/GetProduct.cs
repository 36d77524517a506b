using MediatR;
using Microsoft.Extensions.Caching.Distributed;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <param name="Wait">How long a miss may wait for the fill; zero: not at all.</param>
/// <param name="OnlyIfCached">Tell what is cached, and ask nobody for what is not, nor for anything newer.</param>
public sealed record GetProduct(ProductId Id, TimeSpan Wait = default, bool OnlyIfCached = false) : IRequest<GetProductResult>;

/// <summary>The closed set of answers.</summary>
public abstract record GetProductResult
{
    private GetProductResult()
    {
    }

    /// <summary>The product.</summary>
    public sealed record Found(CachedProduct Entry, EntrySource Source) : GetProductResult;

    /// <summary>The product is known not to exist.</summary>
    public sealed record Absent(CachedProduct Entry, EntrySource Source) : GetProductResult;

    /// <summary>Not cached; a Worker has been asked for it, by this reader or another.</summary>
    public sealed record Requested : GetProductResult
    {
        public static readonly Requested Instance = new();
    }

    /// <summary>Not cached, and only what is cached was wanted: nobody has been asked.</summary>
    public sealed record NotCached : GetProductResult
    {
        public static readonly NotCached Instance = new();
    }

    /// <summary>The answer needs a dependency that does not answer.</summary>
    public sealed record Unavailable(Dependency Dependency) : GetProductResult;
}

/// <summary>Where the entry of an answer came from.</summary>
public enum EntrySource
{
    /// <summary>A copy in this process.</summary>
    NearCache,

    /// <summary>The cache.</summary>
    Cache,

    /// <summary>The cache as well, filled while this reader waited.</summary>
    Fill,
}

public sealed class GetProductHandler(INearCache nearCache, IDistributedCache cache, MissingProducts missing, EarlyRefresh early)
    : IRequestHandler<GetProduct, GetProductResult>
{
    public async Task<GetProductResult> Handle(GetProduct request, CancellationToken cancellationToken)
    {
        try
        {
            if (nearCache.TryGet(request.Id, out var copy))
            {
                return Hit(request, copy, EntrySource.NearCache);
            }

            if (CachedProduct.TryRead(await cache.GetAsync(CacheKeys.Entry(request.Id), cancellationToken), out var entry))
            {
                return Hit(request, entry, EntrySource.Cache);
            }

            if (request.OnlyIfCached)
            {
                return GetProductResult.NotCached.Instance;
            }

            if (request.Wait <= TimeSpan.Zero)
            {
                await missing.AskAsync(request.Id, cancellationToken);
                return GetProductResult.Requested.Instance;
            }

            return await missing.WaitAsync(request.Id, request.Wait, cancellationToken) is { } filled
                ? Answer(filled, EntrySource.Fill)
                : GetProductResult.Requested.Instance;
        }
        catch (UnavailableException unavailable)
        {
            return new GetProductResult.Unavailable(unavailable.Dependency);
        }
    }

    private GetProductResult Hit(GetProduct request, CachedProduct entry, EntrySource source)
    {
        if (!request.OnlyIfCached)
        {
            early.Consider(request.Id, entry);
        }

        return Answer(entry, source);
    }

    private static GetProductResult Answer(CachedProduct entry, EntrySource source) =>
        entry.IsAbsent ? new GetProductResult.Absent(entry, source) : new GetProductResult.Found(entry, source);
}
