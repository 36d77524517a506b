using System.Globalization;
using Npgsql;

namespace ProductCache.Chaos.Mapped;

/// <summary>The statements of one transaction on the tables of the shop, which record what they have changed.</summary>
/// <param name="changes">Gets the rows that the statements return.</param>
/// <param name="nextWrite">Gives the number of a write, which no other write has.</param>
internal sealed class ShopSession(NpgsqlConnection connection, ShopTables tables, List<RowChange> changes, Func<long> nextWrite, CancellationToken cancellationToken)
{
    private const string Savepoint = "chaos";

    /// <summary>Prices of one product; older ones are deleted.</summary>
    private const int MaxPrices = 4;

    // Of one statement that changes prices.
    private const int MaxPricesChanged = 50;

    public Task UpdateProductsAsync(IReadOnlyCollection<long> numbers) => WriteAsync(
        "UPDATE shop.products AS p SET title = 'Product ' || v.write, write = v.write FROM unnest($1, $2) AS v (sku, write) WHERE p.sku = v.sku RETURNING p.number, p.write, p.published",
        ProductIn,
        SkusOf(numbers),
        WritesFor(numbers));

    public Task PublishAsync(long number, bool published) => WriteAsync(
        "UPDATE shop.products SET published = $3, write = $2 WHERE sku = $1 RETURNING number, write, published", ProductIn, ShopTables.SkuOf(number), nextWrite(), published);

    public Task InsertProductAsync(long number) => WriteAsync(
        "INSERT INTO shop.products (sku, number, title, write) VALUES ($1, $2, 'Product ' || $3, $3) RETURNING number, write, published",
        ProductIn,
        ShopTables.SkuOf(number),
        number,
        nextWrite());

    public Task UpsertProductAsync(long number) => WriteAsync(
        """
        INSERT INTO shop.products (sku, number, title, write) VALUES ($1, $2, 'Product ' || $3, $3)
        ON CONFLICT (sku) DO UPDATE SET title = excluded.title, write = excluded.write RETURNING number, write, published
        """,
        ProductIn,
        ShopTables.SkuOf(number),
        number,
        nextWrite());

    public Task DeleteProductAsync(long number) => WriteAsync(
        "DELETE FROM shop.products WHERE sku = $1 RETURNING number, 0::bigint, published", ProductIn, ShopTables.SkuOf(number));

    /// <summary>Inserts or updates, where there is a product.</summary>
    public Task SetStockAsync(IReadOnlyCollection<long> numbers) => WriteAsync(
        """
        INSERT INTO shop.stock (product_sku, write) SELECT v.sku, v.write FROM unnest($1, $2) AS v (sku, write) JOIN shop.products AS p ON p.sku = v.sku
        ON CONFLICT (product_sku) DO UPDATE SET write = excluded.write RETURNING product_sku, write
        """,
        StockIn,
        SkusOf(numbers),
        WritesFor(numbers));

    public Task RemoveStockAsync(long number) => WriteAsync("DELETE FROM shop.stock WHERE product_sku = $1 RETURNING product_sku, 0::bigint", StockIn, ShopTables.SkuOf(number));

    /// <summary>All rows.</summary>
    public async Task TruncateStockAsync()
    {
        await WriteAsync("LOCK TABLE shop.stock IN ACCESS EXCLUSIVE MODE; SELECT product_sku, 0::bigint FROM shop.stock", StockIn);
        await ExecuteAsync("TRUNCATE shop.stock");
    }

    /// <param name="seconds">Until it is valid; negative: it has been valid since then.</param>
    public async Task PlanPriceAsync(long number, double seconds)
    {
        var sku = ShopTables.SkuOf(number);
        await WriteAsync(
            "INSERT INTO shop.prices (id, product_sku, valid_from, write) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3), $1) RETURNING product_sku, id, write, valid_from",
            PriceIn,
            nextWrite(),
            sku,
            seconds);
        await WriteAsync(
            """
            DELETE FROM shop.prices WHERE product_sku = $1 AND id <> ALL (ARRAY(SELECT id FROM shop.prices WHERE product_sku = $1 ORDER BY valid_from DESC LIMIT $2))
            RETURNING product_sku, id, 0::bigint, valid_from
            """,
            PriceIn,
            sku,
            MaxPrices);
    }

    /// <param name="seconds">Until they are valid. Null: as before.</param>
    public async Task ChangePricesAsync(IReadOnlyCollection<long> numbers, double? seconds = null)
    {
        List<long> ids = [];
        await using (var find = CommandOf("SELECT id FROM shop.prices WHERE product_sku = ANY($1) LIMIT $2", SkusOf(numbers), seconds is null ? MaxPricesChanged : 1))
        await using (var reader = await find.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                ids.Add(reader.GetInt64(0));
            }
        }

        var start = seconds is null ? "p.valid_from" : string.Create(CultureInfo.InvariantCulture, $"clock_timestamp() + make_interval(secs => {seconds})");
        await WriteAsync(
            $"""
            UPDATE shop.prices AS p SET write = v.write, valid_from = {start} FROM unnest($1, $2) AS v (id, write) WHERE p.id = v.id
            RETURNING p.product_sku, p.id, p.write, p.valid_from
            """,
            PriceIn,
            ids.ToArray(),
            WritesFor(ids));
    }

    public Task RemovePricesAsync(long number) => WriteAsync(
        "DELETE FROM shop.prices WHERE product_sku = $1 RETURNING product_sku, id, 0::bigint, valid_from", PriceIn, ShopTables.SkuOf(number));

    /// <summary>Inserts or updates.</summary>
    public Task JoinAsync(IReadOnlyCollection<long> numbers, long category) => WriteAsync(
        """
        INSERT INTO shop.product_categories (product_sku, category_id, write) SELECT v.sku, $3, v.write FROM unnest($1, $2) AS v (sku, write)
        ON CONFLICT (product_sku, category_id) DO UPDATE SET write = excluded.write RETURNING product_sku, category_id, write
        """,
        MembershipIn,
        SkusOf(numbers),
        WritesFor(numbers),
        category);

    /// <param name="category">0: all.</param>
    public Task LeaveAsync(IReadOnlyCollection<long> numbers, long category) => WriteAsync(
        "DELETE FROM shop.product_categories WHERE product_sku = ANY($1) AND $2 IN (0, category_id) RETURNING product_sku, category_id, 0::bigint",
        MembershipIn,
        SkusOf(numbers),
        category);

    /// <summary>Products of one category get another one.</summary>
    /// <param name="count">Of products.</param>
    public async Task MoveAsync(long from, long to, int count)
    {
        List<long> numbers = [];
        await using (var find = CommandOf("SELECT product_sku FROM shop.product_categories WHERE category_id = $1 LIMIT $2", from, count))
        await using (var reader = await find.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                numbers.Add(tables.NumberOf(reader.GetString(0)));
            }
        }

        await JoinAsync(numbers, to);
        await LeaveAsync(numbers, from);
    }

    public Task RenameCategoryAsync(long category) => WriteAsync(
        "UPDATE shop.categories SET title = 'Category ' || $2, write = $2 WHERE id = $1 RETURNING id, write", CategoryIn, category, nextWrite());

    public Task DeleteCategoryAsync(long category) => WriteAsync("DELETE FROM shop.categories WHERE id = $1 RETURNING id, 0::bigint", CategoryIn, category);

    public Task UpsertCategoryAsync(long category) => WriteAsync(
        "INSERT INTO shop.categories VALUES ($1, 'Category ' || $2, $2) ON CONFLICT (id) DO UPDATE SET title = excluded.title, write = excluded.write RETURNING id, write",
        CategoryIn,
        category,
        nextWrite());

    /// <summary>What the statements change is part of the transaction, or is rolled back.</summary>
    public async Task InSavepointAsync(Func<Task> write, bool rollBack)
    {
        var before = changes.Count;
        await ExecuteAsync($"SAVEPOINT {Savepoint}");
        await write();
        if (rollBack)
        {
            await ExecuteAsync($"ROLLBACK TO SAVEPOINT {Savepoint}");
            changes.RemoveRange(before, changes.Count - before);
        }
        else
        {
            await ExecuteAsync($"RELEASE SAVEPOINT {Savepoint}");
        }
    }

    private static string[] SkusOf(IEnumerable<long> numbers) => [.. numbers.Select(ShopTables.SkuOf)];

    private long[] WritesFor(IReadOnlyCollection<long> rows) => [.. rows.Select(_ => nextWrite())];

    private static RowChange ProductIn(NpgsqlDataReader row) => new(ShopTable.Products, row.GetInt64(0), 0, row.GetInt64(1)) { IsHidden = !row.GetBoolean(2) };

    private RowChange StockIn(NpgsqlDataReader row) => new(ShopTable.Stock, tables.NumberOf(row.GetString(0)), 0, row.GetInt64(1));

    private RowChange PriceIn(NpgsqlDataReader row) =>
        new(ShopTable.Prices, tables.NumberOf(row.GetString(0)), row.GetInt64(1), row.GetInt64(2)) { ValidFrom = row.GetDateTime(3) };

    private RowChange MembershipIn(NpgsqlDataReader row) => new(ShopTable.Memberships, tables.NumberOf(row.GetString(0)), row.GetInt64(1), row.GetInt64(2));

    private static RowChange CategoryIn(NpgsqlDataReader row) => new(ShopTable.Categories, 0, row.GetInt64(0), row.GetInt64(1));

    private async Task WriteAsync(string sql, Func<NpgsqlDataReader, RowChange> changeIn, params object[] parameters)
    {
        await using var command = CommandOf(sql, parameters);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            changes.Add(changeIn(reader));
        }
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = CommandOf(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private NpgsqlCommand CommandOf(string sql, params object[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters)
        {
            command.Parameters.AddWithValue(parameter);
        }

        return command;
    }
}
