using Npgsql;

namespace ProductCache.Standalone;

internal static class SampleProducts
{
    public const int Count = 1_000;

    private const string Sql =
        """
        INSERT INTO products (name, price, description)
        SELECT material || ' ' || thing || ' No. ' || n, round((1 + (n * 7919) % 49900 / 100.0)::numeric, 2),
               'A sample product: a ' || lower(material) || ' ' || thing || '.'
        FROM generate_series(1, @count) AS n,
             LATERAL (SELECT (ARRAY['Oak','Steel','Linen','Glass','Cork','Copper','Wool','Clay'])[1 + n % 8] AS material,
                             (ARRAY['lamp','chair','bowl','clock','shelf','kettle','blanket','vase','tray'])[1 + n % 9] AS thing) AS words
        WHERE NOT EXISTS (SELECT FROM products)
        ORDER BY n
        """;

    /// <summary>Inserts products into an empty table. Returns their number.</summary>
    public static async Task<int> AddAsync(string connectionString, CancellationToken cancellationToken)
    {
        await using var dataSource = NpgsqlDataSource.Create(connectionString);
        await using var command = dataSource.CreateCommand(Sql);
        command.Parameters.AddWithValue("count", Count);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
