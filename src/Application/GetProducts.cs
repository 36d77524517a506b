using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Reads several products, each as <see cref="GetProduct"/> does.</summary>
/// <param name="Ids">In the order of the answers; at most <see cref="GetProductsHandler.MaxIds"/>.</param>
/// <param name="Wait">As in <see cref="GetProduct"/>, for all products together.</param>
/// <param name="Freshness">As in <see cref="GetProduct"/>.</param>
/// <param name="MayAsk">As in <see cref="GetProduct"/>, once for each product.</param>
/// <param name="MayWait">As in <see cref="GetProduct"/>, once for each product, from several threads.</param>
/// <param name="MayHold">
/// As in <see cref="GetProduct"/>, once for each product, from several threads: an entry is held in memory while other products wait for their
/// fills.
/// </param>
public sealed record GetProducts(
    IReadOnlyList<ProductId> Ids,
    TimeSpan? Wait = null,
    Freshness? Freshness = null,
    Func<bool>? MayAsk = null,
    Func<bool>? MayWait = null,
    Func<CachedProduct, bool>? MayHold = null)
    : IRequest<IReadOnlyList<GetProductResult>>;

public sealed class GetProductsHandler(IRequestHandler<GetProduct, GetProductResult> one)
    : IRequestHandler<GetProducts, IReadOnlyList<GetProductResult>>
{
    public const int MaxIds = 200;

    // Concurrently: the client libraries send concurrent commands together, so the cache is read in one round, the leases are taken in
    // one round, and the requests are produced in one batch.
    public async Task<IReadOnlyList<GetProductResult>> Handle(GetProducts request, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(request.Ids.Count, MaxIds);
        return await Task.WhenAll(request.Ids.Select(id =>
            one.Handle(new GetProduct(id, request.Wait, request.Freshness, request.MayAsk, request.MayWait, request.MayHold), cancellationToken)));
    }
}
