using MediatR;
using Microsoft.Extensions.Caching.Distributed;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <param name="Wait">How long a miss may wait for the fill; zero: not at all.</param>
public sealed record GetProduct(ProductId Id, TimeSpan Wait = default) : IRequest<GetProductResult>;

/// <summary>The closed set of answers.</summary>
public abstract record GetProductResult
{
    private GetProductResult()
    {
    }

    /// <summary>The product, from the cache; <paramref name="AfterMiss"/>: it was filled while this reader waited.</summary>
    public sealed record Found(CachedProduct Entry, bool AfterMiss) : GetProductResult;

    /// <summary>The product is known not to exist.</summary>
    public sealed record Absent(CachedProduct Entry, bool AfterMiss) : GetProductResult;

    /// <summary>Not cached; a Worker has been asked for it, by this reader or another.</summary>
    public sealed record Requested : GetProductResult
    {
        public static readonly Requested Instance = new();
    }

    /// <summary>The answer needs a dependency that does not answer.</summary>
    public sealed record Unavailable(Dependency Dependency) : GetProductResult;
}

public sealed class GetProductHandler(IDistributedCache cache, MissingProducts missing) : IRequestHandler<GetProduct, GetProductResult>
{
    public async Task<GetProductResult> Handle(GetProduct request, CancellationToken cancellationToken)
    {
        try
        {
            if (CachedProduct.TryRead(await cache.GetAsync(CacheKeys.Entry(request.Id), cancellationToken), out var entry))
            {
                return Answer(entry, afterMiss: false);
            }

            if (request.Wait <= TimeSpan.Zero)
            {
                await missing.AskAsync(request.Id, cancellationToken);
                return GetProductResult.Requested.Instance;
            }

            return await missing.WaitAsync(request.Id, request.Wait, cancellationToken) is { } filled
                ? Answer(filled, afterMiss: true)
                : GetProductResult.Requested.Instance;
        }
        catch (UnavailableException unavailable)
        {
            return new GetProductResult.Unavailable(unavailable.Dependency);
        }
    }

    private static GetProductResult Answer(CachedProduct entry, bool afterMiss) =>
        entry.IsAbsent ? new GetProductResult.Absent(entry, afterMiss) : new GetProductResult.Found(entry, afterMiss);
}
