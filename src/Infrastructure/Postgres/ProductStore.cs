using Npgsql;
using NpgsqlTypes;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>
/// The hot read, by Npgsql alone: one prepared statement, no change tracker. EF's compiled query needs 2.3 times as long
/// for one product and 1.6 times as long for a hundred (./run bench sql).
/// </summary>
internal sealed class ProductStore(NpgsqlDataSource dataSource) : IProductStore
{
    private const string Sql = $"SELECT {ProductColumns.All} FROM products WHERE id = ANY($1)";

    public async Task<IReadOnlyDictionary<ProductId, Product>> ReadAsync(
        IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken)
    {
        try
        {
            await using var command = dataSource.CreateCommand(Sql);
            command.Parameters.Add(new NpgsqlParameter<long[]>
            {
                TypedValue = [.. ids.Select(id => id.Value)],
                NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint,
            });
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            Dictionary<ProductId, Product> products = new(ids.Count);
            while (await reader.ReadAsync(cancellationToken))
            {
                var product = ProductColumns.Read(reader);
                products.Add(product.Id, product);
            }

            return products;
        }
        catch (Exception exception) when (PostgresOutage.Is(exception, cancellationToken))
        {
            throw new UnavailableException(Dependency.Store, exception);
        }
    }
}
