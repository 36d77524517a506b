using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>A page of all products in the order of their ids, straight from the store: the cache is neither read nor filled.</summary>
/// <param name="After">The last product of the page before.</param>
/// <param name="Limit">At most <see cref="ListProductsHandler.MaxLimit"/>.</param>
/// <param name="Name">Part of the name, in any case; none: all products.</param>
public sealed record ListProducts(ProductId? After, int Limit, string? Name) : IRequest<ProductsPage?>;

/// <param name="More">There are products after the last one of these.</param>
public sealed record ProductsPage(IReadOnlyList<ListedProduct> Products, bool More);

/// <summary>A product of a page, or a row that is no valid product and the reason in a sentence.</summary>
public sealed record ListedProduct(ProductId Id, Product? Product, string? Unreadable);

public interface IProductCatalogue
{
    /// <exception cref="UnavailableException">The store did not answer in time.</exception>
    Task<IReadOnlyList<ListedProduct>> ListAsync(ProductId? after, int limit, string? name, CancellationToken cancellationToken);
}

public sealed class ListProductsHandler(IProductCatalogue catalogue) : IRequestHandler<ListProducts, ProductsPage?>
{
    public const int DefaultLimit = 50;
    public const int MaxLimit = 500;

    /// <summary>Of a part of a name, in characters: the index knows words by their three-letter parts.</summary>
    public const int MinNameLength = 3;

    public const int MaxNameLength = 100;

    /// <returns>None: the store does not answer.</returns>
    public async Task<ProductsPage?> Handle(ListProducts request, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(request.Limit);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(request.Limit, MaxLimit);
        try
        {
            // One more than asked for tells whether there is another page.
            var products = await catalogue.ListAsync(request.After, request.Limit + 1, request.Name, cancellationToken);
            return products.Count > request.Limit
                ? new ProductsPage([.. products.Take(request.Limit)], More: true)
                : new ProductsPage(products, More: false);
        }
        catch (UnavailableException)
        {
            return null;
        }
    }
}
