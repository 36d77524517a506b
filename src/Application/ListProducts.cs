using System.Globalization;
using System.Text;
using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Reads a page of products in the order of ids, from the store: the cache is neither read nor filled.</summary>
/// <param name="After">The last product of the previous page.</param>
/// <param name="Limit">At most <see cref="ListProductsHandler.MaxLimit"/>.</param>
/// <param name="Name">Part of the name, case-insensitive. Null: all products.</param>
public sealed record ListProducts(ProductId? After, int Limit, string? Name) : IRequest<ProductsPage?>;

/// <param name="More">Further products follow.</param>
public sealed record ProductsPage(IReadOnlyList<ListedProduct> Products, bool More);

public sealed class ListProductsHandler(IProductCatalogue catalogue) : IRequestHandler<ListProducts, ProductsPage?>
{
    public const int DefaultLimit = 50;
    public const int MaxLimit = 500;

    /// <summary>The minimum length of a part of a name, in characters: the index consists of trigrams.</summary>
    public const int MinNameLength = 3;

    public const int MaxNameLength = 100;

    /// <summary>
    /// The maximum of all products together, in bytes of their JSON: a page ends when it reaches this length, even before its limit. The next
    /// page begins after its last product.
    /// </summary>
    public const int MaxPageLength = 1024 * 1024;

    /// <summary>Whether a part of a name has <see cref="MinNameLength"/> consecutive letters or digits, as the index requires.</summary>
    public static bool HasTrigram(string name)
    {
        var length = 0;
        foreach (var rune in name.EnumerateRunes())
        {
            // A combining mark belongs to the preceding letter.
            var isMark = Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
            length = Rune.IsLetterOrDigit(rune) || (isMark && length > 0) ? length + 1 : 0;
            if (length == MinNameLength)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The number of bytes that count towards <see cref="MaxPageLength"/>.</summary>
    public static int LengthOf(ListedProduct listed) => listed.Product?.Json.Length ?? 0;

    /// <returns>Null: the store is unavailable.</returns>
    public async Task<ProductsPage?> Handle(ListProducts request, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(request.Limit);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(request.Limit, MaxLimit);
        try
        {
            // One more product than the limit shows whether there is another page.
            var products = await catalogue.ListAsync(request.After, request.Limit + 1, request.Name, cancellationToken);
            return products.Count > request.Limit
                ? new ProductsPage([.. products.Take(request.Limit)], More: true)
                : new ProductsPage(products, More: products.Sum(LengthOf) >= MaxPageLength);
        }
        catch (UnavailableException)
        {
            return null;
        }
    }
}
