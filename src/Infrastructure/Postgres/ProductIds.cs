using Npgsql;
using NpgsqlTypes;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Reads ids in their order, by the primary key.</summary>
internal sealed class ProductIds(NpgsqlDataSource dataSource, PostgresSchema schema) : IProductIds
{
    private const string Read =
        "SELECT id FROM public.products WHERE id > $1 AND id > 0 AND ($2 IS NULL OR name ILIKE $2) ORDER BY id LIMIT $3";

    private const string Estimate = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'public.products'::regclass";

    public Task<IReadOnlyList<ProductId>> ReadAsync(ProductId? after, string? name, int limit, CancellationToken cancellationToken) =>
        PostgresErrors.TranslateAsync<IReadOnlyList<ProductId>>(
            async () =>
            {
                await using var command = dataSource.CreateCommand(schema.In(Read));
                command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = after?.Value ?? 0 });
                command.Parameters.Add(new NpgsqlParameter { Value = name is null ? DBNull.Value : $"%{ProductCatalogue.EscapePattern(name)}%", NpgsqlDbType = NpgsqlDbType.Text });
                command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
                List<ProductId> ids = [];
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    ids.Add(new ProductId(reader.GetInt64(0)));
                }

                return ids;
            },
            cancellationToken);

    public Task<long> EstimateAsync(CancellationToken cancellationToken) => PostgresErrors.TranslateAsync(
        async () =>
        {
            await using var command = dataSource.CreateCommand(schema.In(Estimate));
            return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        },
        cancellationToken);
}
