using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Many products at once, each as <see cref="GetProduct"/> has it.</summary>
/// <param name="Ids">In the order of the answers; at most <see cref="GetProductsHandler.MaxIds"/>.</param>
/// <param name="Wait">How long the misses among them may wait, all together.</param>
/// <param name="OnlyIfCached">As in <see cref="GetProduct"/>.</param>
public sealed record GetProducts(IReadOnlyList<ProductId> Ids, TimeSpan Wait = default, bool OnlyIfCached = false)
    : IRequest<IReadOnlyList<GetProductResult>>;

public sealed class GetProductsHandler(IRequestHandler<GetProduct, GetProductResult> one)
    : IRequestHandler<GetProducts, IReadOnlyList<GetProductResult>>
{
    public const int MaxIds = 200;

    // Side by side: the client libraries send what is asked at one time in one go, so the cache is read in one round, leases
    // are taken in one, and requests travel in one batch.
    public async Task<IReadOnlyList<GetProductResult>> Handle(GetProducts request, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(request.Ids.Count, MaxIds);
        return await Task.WhenAll(request.Ids.Select(id => one.Handle(new GetProduct(id, request.Wait, request.OnlyIfCached), cancellationToken)));
    }
}
