using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.Infrastructure.Mappings;

/// <summary>Lists the products of a mapping: ids by its list, in the order of the store, and then the products by its SELECT.</summary>
internal sealed class MappedCatalogue(NpgsqlDataSource dataSource, ProductMapping mapping, ProductStatement statement, TimeProvider time) : IProductCatalogue, IProductIds
{
    /// <summary>Where a mapping declares no list.</summary>
    public const string NoList = "The mapping declares no list (-- list: select … as id from …)";

    private readonly PostgresTimeout timeout = new(time);

    public Task<IReadOnlyList<ListedProduct>> ListAsync(ProductId? after, int limit, string? search, CancellationToken cancellationToken) =>
        timeout.WithinAsync<IReadOnlyList<ListedProduct>>(
            async token =>
            {
                var ids = await ReadIdsAsync(after, search, limit, token);
                var rows = await ProductRows.ReadAsync(dataSource, statement, ids, token);
                var left = ListProductsHandler.MaxPageLength;
                List<ListedProduct> page = new(ids.Count);
                foreach (var id in ids)
                {
                    var listed = new ListedProduct(id, rows.Products.GetValueOrDefault(id), rows.Unreadable.GetValueOrDefault(id));
                    page.Add(listed);
                    left -= ListProductsHandler.LengthOf(listed);
                    if (left <= 0)
                    {
                        break;
                    }
                }

                return page;
            },
            cancellationToken);

    public Task<IReadOnlyList<ProductId>> ReadAsync(ProductId? after, string? search, int limit, CancellationToken cancellationToken) =>
        PostgresErrors.TranslateAsync<IReadOnlyList<ProductId>>(async () => await ReadIdsAsync(after, search, limit, cancellationToken), cancellationToken, includeReason: true);

    /// <summary>By the plan of the list: statistics of a table say nothing of a SELECT.</summary>
    public Task<long> EstimateAsync(CancellationToken cancellationToken) => PostgresErrors.TranslateAsync(
        async () =>
        {
            await using var command = dataSource.CreateCommand($"EXPLAIN (FORMAT JSON) {List}");
            using var plan = JsonDocument.Parse((string)(await command.ExecuteScalarAsync(cancellationToken))!);
            return plan.RootElement[0].GetProperty("Plan").GetProperty("Plan Rows").GetInt64();
        },
        cancellationToken,
        includeReason: true);

    /// <summary>What the list gives in place of an id, such as a text that is too long. Null: all ids are valid.</summary>
    public Task<string?> FindInvalidIdAsync(CancellationToken cancellationToken) => PostgresErrors.TranslateAsync(
        async () =>
        {
            var command = new NpgsqlBatchCommand($"SELECT left(coalesce(l.id::text, 'null'), 50) FROM (\n{List}\n) AS l WHERE ({MappingObjects.ValidIds(mapping.IdType, "l.id")}) IS NOT TRUE LIMIT 1");
            await using var batch = dataSource.CreateBatch();
            await using var reader = await ListBatch.ExecuteAsync(batch, command, cancellationToken);
            return await reader.ReadAsync(cancellationToken) ? reader.GetString(0) : null;
        },
        cancellationToken,
        includeReason: true);

    private string List => mapping.List ?? throw new UnavailableException(Dependency.Store, reason: NoList);

    private async Task<List<ProductId>> ReadIdsAsync(ProductId? after, string? search, int limit, CancellationToken cancellationToken)
    {
        List<ProductId> ids = [];
        var last = after?.Text;
        while (true)
        {
            var texts = await ReadTextsAsync(last, search, limit, cancellationToken);
            foreach (var text in texts)
            {
                // A row without a valid id is not a product.
                if (mapping.IdType.TryParse(text, out var id))
                {
                    ids.Add(id);
                }
            }

            // Fewer ids than the limit mean that there are no more: rows without one must not end the list.
            if (ids.Count >= limit || texts.Count < limit || texts[^1] is null)
            {
                return ids.Count > limit ? ids[..limit] : ids;
            }

            last = texts[^1];
        }
    }

    private async Task<List<string?>> ReadTextsAsync(string? after, string? search, int limit, CancellationToken cancellationToken)
    {
        var command = new NpgsqlBatchCommand(
            $"SELECT l.id::text FROM (\n{List}\n) AS l WHERE true{(after is null ? string.Empty : $" AND l.id > $2::text::{mapping.IdType}")}{(search is null ? string.Empty : @" AND l.search ILIKE $3 ESCAPE '\'")} ORDER BY l.id LIMIT $1");
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)after ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter { Value = search is null ? DBNull.Value : $"%{ProductCatalogue.EscapePattern(search)}%", NpgsqlDbType = NpgsqlDbType.Text });
        await using var batch = dataSource.CreateBatch();
        await using var reader = await ListBatch.ExecuteAsync(batch, command, cancellationToken);
        List<string?> texts = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            texts.Add(reader.IsDBNull(0) ? null : reader.GetString(0));
        }

        return texts;
    }
}
