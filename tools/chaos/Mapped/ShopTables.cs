using System.Globalization;
using Npgsql;
using ProductCache.Domain;
using ProductCache.Infrastructure;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Chaos.Mapped;

/// <summary>
/// The tables of a small shop in a schema of their own, and the mapping that makes products of them. Every row has the number of the write
/// that made it, and the document of a product has the numbers of all rows that it shows.
/// </summary>
/// <param name="plantedFault">See <see cref="MappedFaults"/>. Null: none.</param>
/// <param name="isAudited">Whether the Workers compare entries with the tables: then an entry that is wrong is corrected within a quarter of a minute.</param>
internal sealed class ShopTables(string? plantedFault, bool isAudited) : ProductTables
{
    /// <summary>A category on which most products depend, one with some hundred products, and small ones.</summary>
    public const long Largest = 1;

    public const long Middle = 2;

    public const long Last = 12;

    /// <summary>Products of the largest category.</summary>
    public const int LargestCount = 2_200;

    /// <summary>In which the prices before the run begin.</summary>
    public const int FirstYear = 2020;

    private const int MiddleCount = 600;

    private const string FileName = "shop.sql";

    private static readonly DateTime FirstPrices = new(FirstYear, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>What a product is.</summary>
    public const string Select =
        """
        select p.sku as id,
               case when p.published then jsonb_build_object(
                   'title', p.title,
                   'write', p.write,
                   'stock', (select s.write from shop.stock as s where s.product_sku = p.sku),
                   'price', (select f.write from shop.prices as f
                             where f.product_sku = p.sku and f.valid_from <= now() order by f.valid_from desc, f.id desc limit 1),
                   'categories', (select coalesce(jsonb_agg(jsonb_build_array(m.category_id, m.write, c.write) order by m.category_id), '[]')
                                  from shop.product_categories as m left join shop.categories as c on c.id = m.category_id where m.product_sku = p.sku)) end as body,
               (select min(f.valid_from) from shop.prices as f where f.product_sku = p.sku and f.valid_from > now()) as valid_until
        from shop.products as p
        where p.sku = any(@ids)
        """;

    /// <summary>The mapping, as a user writes it.</summary>
    public const string Mapping =
        $"""
        -- id: text
        -- watch: shop.products (sku)
        -- watch: shop.prices (product_sku)
        -- watch: shop.stock (product_sku)
        -- watch: shop.product_categories (product_sku)
        -- watch: shop.categories (id) -> select m.product_sku from shop.product_categories as m where m.category_id = any(@keys)
        -- list: select sku as id, title as search from shop.products
        {Select}
        """;

    private const string Objects =
        """
        CREATE SCHEMA shop;
        CREATE TABLE shop.products (
          sku text PRIMARY KEY, number bigint NOT NULL, title text NOT NULL, published boolean NOT NULL DEFAULT true, write bigint NOT NULL);
        CREATE TABLE shop.prices (id bigint PRIMARY KEY, product_sku text NOT NULL, valid_from timestamptz NOT NULL, write bigint NOT NULL);
        CREATE INDEX ON shop.prices (product_sku, valid_from);
        CREATE TABLE shop.stock (product_sku text PRIMARY KEY REFERENCES shop.products ON DELETE CASCADE, write bigint NOT NULL);
        CREATE TABLE shop.categories (id bigint PRIMARY KEY, title text NOT NULL, write bigint NOT NULL);
        CREATE TABLE shop.product_categories (
          product_sku text NOT NULL, category_id bigint NOT NULL, write bigint NOT NULL, PRIMARY KEY (product_sku, category_id));
        CREATE INDEX ON shop.product_categories (category_id);
        """;

    // Of each version of a product, the transaction that has drawn it. It is written by that transaction.
    private const string Observer =
        """
        CREATE TABLE chaos.versions (id text NOT NULL, version bigint NOT NULL, tx xid8 NOT NULL, at timestamptz NOT NULL);
        CREATE FUNCTION chaos.drawn() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO chaos.versions SELECT id, version, pg_current_xact_id(), clock_timestamp() FROM drawn;
          RETURN NULL;
        END
        $$;
        CREATE TRIGGER chaos_inserted AFTER INSERT ON product_cache.product_versions REFERENCING NEW TABLE AS drawn FOR EACH STATEMENT EXECUTE FUNCTION chaos.drawn();
        CREATE TRIGGER chaos_updated AFTER UPDATE ON product_cache.product_versions REFERENCING NEW TABLE AS drawn FOR EACH STATEMENT EXECUTE FUNCTION chaos.drawn();
        """;

    // Ids with characters that need escapes in URLs, a language as a part, and texts of digits.
    private static readonly (string Prefix, string Suffix)[] Notations = [("sku-", string.Empty), ("Stühle/", "@de-CH"), ("50% {", "}, blue"), (string.Empty, string.Empty)];

    public override string Table => "shop.products";

    public override string NumberColumn => "number";

    public override string Outbox => "product_cache.product_changes";

    public static string SkuOf(long number)
    {
        var (prefix, suffix) = Notations[number % Notations.Length];
        return string.Create(CultureInfo.InvariantCulture, $"{prefix}{number}{suffix}");
    }

    public override ProductId IdOf(long number) =>
        ProductId.TryOfText(SkuOf(number), out var id) ? id : throw new InvalidOperationException($"{SkuOf(number)} is no id.");

    public override long NumberOf(string id)
    {
        var (prefix, suffix) = Notations.First(notation => id.StartsWith(notation.Prefix, StringComparison.Ordinal));
        return long.Parse(id.AsSpan(prefix.Length, id.Length - prefix.Length - suffix.Length), CultureInfo.InvariantCulture);
    }

    public override string Import(long first, long last)
    {
        var rows = Enumerable.Range(0, (int)(last - first + 1)).Select(i => string.Create(
            CultureInfo.InvariantCulture, $"('{SkuOf(first + i)}', {first + i}, 'imported', 0)"));
        return $"INSERT INTO shop.products (sku, number, title, write) VALUES {string.Join(", ", rows)}";
    }

    public override IReadOnlyDictionary<string, string> SettingsIn(string folder)
    {
        var file = Path.Combine(folder, FileName);
        File.WriteAllText(file, MappedFaults.Of(plantedFault)?.Mapping(Mapping) ?? Mapping);
        Dictionary<string, string> settings = new() { [MappingSettings.Setting] = file, ["DB_MIGRATE"] = "on" };
        if (!isAudited)
        {
            settings[EntryAuditOptions.Setting] = "0";
        }

        return settings;
    }

    /// <summary>The rows before the run, which no version has been drawn for.</summary>
    public static IReadOnlyList<RowChange> FirstRows { get; } =
    [
        .. Enumerable.Range(1, (int)Last).Select(category => new RowChange(ShopTable.Categories, 0, category, category)),
        .. Enumerable.Range(1, Catalogue.InitialProducts).SelectMany(number => (RowChange[])
        [
            new(ShopTable.Products, number, 0, number),
            new(ShopTable.Stock, number, 0, number),
            new(ShopTable.Prices, number, number, number) { ValidFrom = FirstPrices },
            .. FirstCategoriesOf(number).Select(category => new RowChange(ShopTable.Memberships, number, category, number)),
        ]),
    ];

    /// <summary>The largest number of a write of the first rows, and the largest id of their prices.</summary>
    public static long FirstWrites => Catalogue.InitialProducts;

    public override async Task CreateAsync(NpgsqlDataSource postgres, CancellationToken cancellationToken)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancellationToken);
        await using var create = new NpgsqlCommand(Objects, connection);
        await create.ExecuteNonQueryAsync(cancellationToken);
        foreach (var rows in FirstRows.GroupBy(row => row.Table))
        {
            await using var insert = new NpgsqlCommand(
                rows.Key switch
                {
                    ShopTable.Products => "INSERT INTO shop.products (sku, number, title, write) SELECT sku, number, 'Product ' || number, write FROM unnest($1, $2, $3, $4) AS r (sku, number, key, write)",
                    ShopTable.Stock => "INSERT INTO shop.stock SELECT sku, write FROM unnest($1, $2, $3, $4) AS r (sku, number, key, write)",
                    ShopTable.Prices => $"INSERT INTO shop.prices SELECT key, sku, '{FirstPrices:yyyy-MM-dd}Z', write FROM unnest($1, $2, $3, $4) AS r (sku, number, key, write)",
                    ShopTable.Memberships => "INSERT INTO shop.product_categories SELECT sku, key, write FROM unnest($1, $2, $3, $4) AS r (sku, number, key, write)",
                    _ => "INSERT INTO shop.categories SELECT key, 'Category ' || key, write FROM unnest($1, $2, $3, $4) AS r (sku, number, key, write)",
                },
                connection);
            insert.Parameters.AddWithValue(rows.Select(row => SkuOf(row.Product)).ToArray());
            insert.Parameters.AddWithValue(rows.Select(row => row.Product).ToArray());
            insert.Parameters.AddWithValue(rows.Select(row => row.Key).ToArray());
            insert.Parameters.AddWithValue(rows.Select(row => row.Write).ToArray());
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }

        await using var analyze = new NpgsqlCommand("ANALYZE shop.products, shop.prices, shop.stock, shop.categories, shop.product_categories", connection);
        await analyze.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The table of versions, and what a planted fault changes in the database.</summary>
    public override async Task InstalledAsync(NpgsqlDataSource postgres, CancellationToken cancellationToken)
    {
        await using var observe = postgres.CreateCommand($"CREATE SCHEMA IF NOT EXISTS chaos; {Observer} {MappedFaults.Of(plantedFault)?.Sql}");
        await observe.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The categories of a product at the begin of the run.</summary>
    private static IEnumerable<long> FirstCategoriesOf(long number)
    {
        if (number <= LargestCount)
        {
            yield return Largest;
        }

        if (number % (Catalogue.InitialProducts / MiddleCount) == 0)
        {
            yield return Middle;
        }

        yield return Middle + 1 + (number % (Last - Middle));
    }
}
