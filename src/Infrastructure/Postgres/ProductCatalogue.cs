using Npgsql;
using NpgsqlTypes;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Reads pages of products. A row that is not a valid product is listed with the reason, beside the others.</summary>
/// <param name="schema">Null: public.</param>
internal sealed class ProductCatalogue(NpgsqlDataSource dataSource, TimeProvider time, PostgresSchema? schema = null) : IProductCatalogue
{
    private const string Page = "FROM public.products AS p WHERE p.id > $1 ORDER BY p.id LIMIT $2";

    private const string PageByName = @"FROM public.products AS p WHERE p.id > $1 AND p.name ILIKE $3 ESCAPE '\' ORDER BY p.id LIMIT $2";

    private const string Escape = @"\";

    private readonly PostgresSchema schema = schema ?? PostgresSchema.Public;
    private readonly ProductStatement statement = new(ProductMapping.BuiltIn, schema ?? PostgresSchema.Public);
    private readonly PostgresTimeout timeout = new(time);

    public Task<IReadOnlyList<ListedProduct>> ListAsync(ProductId? after, int limit, string? search, CancellationToken cancellationToken) =>
        timeout.WithinAsync<IReadOnlyList<ListedProduct>>(
            async token =>
            {
                try
                {
                    var left = ListProductsHandler.MaxPageLength;
                    return await ReadPageAsync(
                        BuiltInTable.Columns,
                        after,
                        limit,
                        search,
                        reader =>
                        {
                            var listed = Listed(reader);
                            left -= ListProductsHandler.LengthOf(listed);
                            return (listed, left <= 0);
                        },
                        token);
                }
                catch (PostgresException refused) when (!PostgresErrors.IsUnavailable(refused, token))
                {
                    // One row of the page fails the statement. The ids can be read nevertheless.
                    var ids = await ReadPageAsync("p.id", after, limit, search, reader => (new ProductId(reader.GetInt64(0)), false), token);
                    var rows = await ProductRows.ReadAsync(dataSource, statement, ids, token);
                    return [.. ids.Select(id => Listed(id, rows))];
                }
            },
            cancellationToken);

    private async Task<List<T>> ReadPageAsync<T>(
        string columns, ProductId? after, int limit, string? search, Func<NpgsqlDataReader, (T Row, bool IsLast)> read, CancellationToken cancellationToken)
    {
        await using var batch = dataSource.CreateBatch();
        var command = new NpgsqlBatchCommand(schema.In($"SELECT {columns} {(search is null ? Page : PageByName)}"));
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = after?.Value ?? 0 });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        if (search is not null)
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = $"%{EscapePattern(search)}%", NpgsqlDbType = NpgsqlDbType.Text });
        }

        await using var reader = await ListBatch.ExecuteAsync(batch, command, cancellationToken);
        List<T> page = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            var (row, isLast) = read(reader);
            page.Add(row);
            if (isLast)
            {
                break;
            }
        }

        return page;
    }

    private static ListedProduct Listed(NpgsqlDataReader reader)
    {
        var row = new ProductReader(reader, ProductIdType.Bigint);
        return row.TryRead(out var product, out var fault)
            ? new ListedProduct(row.Id, product, Unreadable: null)
            : new ListedProduct(row.Id, Product: null, fault);
    }

    // The length of the page is kept: it shows the caller whether there is another page.
    private static ListedProduct Listed(ProductId id, ProductRows rows) => rows.Products.TryGetValue(id, out var product)
        ? new ListedProduct(id, product, Unreadable: null)
        : new ListedProduct(id, Product: null, rows.Unreadable.GetValueOrDefault(id, "The product was deleted while the page was read."));

    /// <summary>The text as a pattern of LIKE that matches nothing but the text.</summary>
    internal static string EscapePattern(string text) => text
        .Replace(Escape, Escape + Escape, StringComparison.Ordinal)
        .Replace("%", Escape + "%", StringComparison.Ordinal)
        .Replace("_", Escape + "_", StringComparison.Ordinal);
}
