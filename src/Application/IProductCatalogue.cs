using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// A product of a page. A row that is not a valid product has the reason in <paramref name="Unreadable"/> instead; one that a mapping does not
/// publish has neither.
/// </summary>
public sealed record ListedProduct(ProductId Id, Product? Product, string? Unreadable);

/// <summary>
/// Lists products from the store, past the cache. It is not part of <see cref="IProductStore"/>: the Api needs lists only, and must
/// have no way to read a single product past the cache.
/// </summary>
public interface IProductCatalogue
{
    /// <summary>
    /// Reads a page in the order of ids. A page has fewer than <paramref name="limit"/> products only at the end, or where one of them
    /// reaches <see cref="ListProductsHandler.MaxPageLength"/>.
    /// </summary>
    /// <param name="search">Part of the text that is searched, case-insensitive. Null: all products.</param>
    /// <exception cref="UnavailableException">The store did not answer in time.</exception>
    Task<IReadOnlyList<ListedProduct>> ListAsync(ProductId? after, int limit, string? search, CancellationToken cancellationToken);
}
