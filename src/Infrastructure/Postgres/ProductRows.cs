using Npgsql;
using NpgsqlTypes;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Reads rows of products by id. A row that cannot be read does not affect the others.</summary>
internal sealed class ProductRows(NpgsqlDataSource dataSource, PostgresSchema schema)
{
    private const string Read = $"SELECT {ProductColumns.All} FROM public.products WHERE id = ANY($1)";

    private readonly string sql = schema.In(Read);
    private readonly Dictionary<ProductId, Product> products = [];
    private readonly Dictionary<ProductId, string> unreadable = [];
    private readonly List<long> withoutVersion = [];

    public IReadOnlyDictionary<ProductId, Product> Products => products;

    /// <summary>The unreadable rows, each with the reason in one sentence.</summary>
    public IReadOnlyDictionary<ProductId, string> Unreadable => unreadable;

    /// <summary>The unreadable rows that lack a version and are valid otherwise.</summary>
    public IReadOnlyList<long> WithoutVersion => withoutVersion;

    public static async Task<ProductRows> ReadAsync(
        NpgsqlDataSource dataSource, PostgresSchema schema, long[] ids, CancellationToken cancellationToken)
    {
        var rows = new ProductRows(dataSource, schema);
        await rows.ReadAsync(new ArraySegment<long>(ids), cancellationToken);
        return rows;
    }

    public StoreRead ToRead() => new(products, unreadable);

    public void Refuse(IEnumerable<long> ids, string reason)
    {
        foreach (var id in ids)
        {
            unreadable[new ProductId(id)] = reason;
        }
    }

    /// <summary>Replaces rows by the result of a second read.</summary>
    public void Replace(ProductRows again)
    {
        foreach (var (id, product) in again.products)
        {
            unreadable.Remove(id);
            products[id] = product;
        }

        foreach (var (id, reason) in again.unreadable)
        {
            unreadable[id] = reason;
        }
    }

    // A statement that the server refuses because of one row is retried in halves, until that row is isolated.
    private async Task ReadAsync(ArraySegment<long> ids, CancellationToken cancellationToken)
    {
        try
        {
            await ReadOnceAsync(ids, cancellationToken);
        }
        catch (PostgresException refused) when (!PostgresErrors.IsUnavailable(refused, cancellationToken))
        {
            if (ids.Count == 1)
            {
                Refuse(ids, $"PostgreSQL cannot read the row: {PostgresText.Of(refused)}");
                return;
            }

            var half = ids.Count / 2;
            await ReadAsync(ids[..half], cancellationToken);
            await ReadAsync(ids[half..], cancellationToken);
        }
    }

    private async Task ReadOnceAsync(ArraySegment<long> ids, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ids], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = new ProductId(reader.GetInt64(0));
            if (ProductColumns.TryRead(reader, out var product, out var fault))
            {
                products[id] = product;
                continue;
            }

            unreadable[id] = fault;
            if (!VersionRepair.IsVersion(reader.GetInt64(4)))
            {
                withoutVersion.Add(id.Value);
            }
        }
    }
}
