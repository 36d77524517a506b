using System.Globalization;
using System.Text;
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

public sealed class ListProductsHandler(IProductCatalogue catalogue) : IRequestHandler<ListProducts, ProductsPage?>
{
    public const int DefaultLimit = 50;
    public const int MaxLimit = 500;

    /// <summary>Of a part of a name, in characters: the index knows words by their three-letter parts.</summary>
    public const int MinNameLength = 3;

    public const int MaxNameLength = 100;

    /// <summary>
    /// Of names and descriptions: a page that has so many characters ends, whatever its limit. Its length is then less than the limit, and
    /// the next page begins after its last product.
    /// </summary>
    public const int MaxPageCharacters = 512 * 1024;

    /// <summary>Whether a part of a name has <see cref="MinNameLength"/> letters or digits in one word, as the index needs.</summary>
    public static bool HasTrigram(string name)
    {
        var length = 0;
        foreach (var rune in name.EnumerateRunes())
        {
            // A mark belongs to the letter before it.
            var isMark = Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
            length = Rune.IsLetterOrDigit(rune) || (isMark && length > 0) ? length + 1 : 0;
            if (length == MinNameLength)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What a product adds to <see cref="MaxPageCharacters"/>.</summary>
    public static int CharactersOf(ListedProduct listed) => (listed.Product?.Name.Length ?? 0) + (listed.Product?.Description.Length ?? 0);

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
                : new ProductsPage(products, More: products.Sum(CharactersOf) >= MaxPageCharacters);
        }
        catch (UnavailableException)
        {
            return null;
        }
    }
}
