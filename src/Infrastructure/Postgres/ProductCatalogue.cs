using Microsoft.EntityFrameworkCore;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Pages for people, by EF: nothing here is as hot as <see cref="ProductStore"/>.</summary>
internal sealed class ProductCatalogue(IDbContextFactory<ProductsDbContext> contexts) : IProductCatalogue
{
    /// <summary>For a whole page, with the connection.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(4.5);

    private const string Escape = @"\";

    public async Task<IReadOnlyList<Product>> ListAsync(ProductId? after, int limit, string? name, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        try
        {
            await using var context = await contexts.CreateDbContextAsync(deadline.Token);
            IQueryable<ProductRow> rows = context.Products.AsNoTracking().OrderBy(row => row.Id);
            if (after is { Value: var last })
            {
                rows = rows.Where(row => row.Id > last);
            }

            if (name is not null)
            {
                var pattern = $"%{EscapePattern(name)}%";
                rows = rows.Where(row => EF.Functions.ILike(row.Name, pattern, Escape));
            }

            var page = await rows.Take(limit).ToListAsync(deadline.Token);
            return [.. page.Select(row =>
                new Product(new ProductId(row.Id), row.Name, new Price(row.Price), row.Description, new ProductVersion(row.Version)))];
        }
        catch (Exception exception) when (PostgresOutage.Is(exception, cancellationToken))
        {
            throw new UnavailableException(Dependency.Store, exception);
        }
    }

    private static string EscapePattern(string text) => text
        .Replace(Escape, Escape + Escape, StringComparison.Ordinal)
        .Replace("%", Escape + "%", StringComparison.Ordinal)
        .Replace("_", Escape + "_", StringComparison.Ordinal);
}
