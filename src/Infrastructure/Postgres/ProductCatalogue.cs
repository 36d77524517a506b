using Microsoft.EntityFrameworkCore;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Pages for people, by EF: nothing here is as hot as <see cref="ProductStore"/>.</summary>
internal sealed class ProductCatalogue(IDbContextFactory<ProductsDbContext> contexts) : IProductCatalogue
{
    private const string Escape = @"\";

    public Task<IReadOnlyList<Product>> ListAsync(ProductId? after, int limit, string? name, CancellationToken cancellationToken) =>
        PostgresDeadline.WithinAsync<IReadOnlyList<Product>>(
            async token =>
            {
                await using var context = await contexts.CreateDbContextAsync(token);
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

                var page = await rows.Take(limit).ToListAsync(token);
                return [.. page.Select(row =>
                    new Product(new ProductId(row.Id), row.Name, new Price(row.Price), row.Description, new ProductVersion(row.Version)))];
            },
            cancellationToken);

    private static string EscapePattern(string text) => text
        .Replace(Escape, Escape + Escape, StringComparison.Ordinal)
        .Replace("%", Escape + "%", StringComparison.Ordinal)
        .Replace("_", Escape + "_", StringComparison.Ordinal);
}
