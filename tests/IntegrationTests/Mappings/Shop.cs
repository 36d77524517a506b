using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using ProductCache.IntegrationTests.Postgres;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Mappings;

/// <summary>A database with the tables of a shop, and a mapping of them.</summary>
internal sealed class Shop : IAsyncDisposable
{
    private readonly TestDatabase database;

    private Shop(TestDatabase database, string mapping) => (this.database, Mapping) = (database, mapping);

    /// <summary>The path of the file.</summary>
    public string Mapping { get; }

    public string Name => new NpgsqlConnectionStringBuilder(database.ConnectionString).Database!;

    public string ConnectionString => database.ConnectionString;

    public NpgsqlDataSource DataSource => database.DataSource;

    /// <summary>What the verbs of mappings need.</summary>
    public Dictionary<string, string> Settings
    {
        get
        {
            var connection = new NpgsqlConnectionStringBuilder(ConnectionString);
            return new()
            {
                ["DB_HOST"] = connection.Host!,
                ["DB_PORT"] = connection.Port.ToString(CultureInfo.InvariantCulture),
                ["DB_NAME"] = connection.Database!,
                ["DB_USER"] = connection.Username!,
                ["DB_PASSWORD"] = connection.Password!,
                ["PRODUCT_MAPPING"] = Mapping,
            };
        }
    }

    /// <summary>One of samples/mappings.</summary>
    public static async Task<Shop> OfSampleAsync(string name)
    {
        var folder = Path.Combine(Repository.Root, "samples", "mappings", name);
        var shop = new Shop(await TestDatabase.CreateEmptyAsync(), Path.Combine(folder, "mapping.sql"));
        foreach (var file in (string[])["schema.sql", "data.sql"])
        {
            await shop.ExecuteAsync(await File.ReadAllTextAsync(Path.Combine(folder, file)));
        }

        return shop;
    }

    /// <param name="tables">Statements that create tables and rows.</param>
    /// <param name="mapping">The text of the file.</param>
    public static async Task<Shop> CreateAsync(string tables, string mapping)
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("mapping-").FullName, "shop.sql");
        await File.WriteAllTextAsync(file, mapping);
        var shop = new Shop(await TestDatabase.CreateEmptyAsync(), file);
        await shop.ExecuteAsync(tables);
        return shop;
    }

    /// <summary>An Api and a Worker over it, which install the mapping.</summary>
    public Task<RunningService> StartAsync(params (string Name, string Value)[] more) => StartAsync(null, more);

    /// <inheritdoc cref="StartAsync(ValueTuple{string, string}[])"/>
    public Task<RunningService> StartAsync(Action<IServiceCollection>? configure, params (string Name, string Value)[] more) => RunningService.StartAsync(
        configure, [("DB_NAME", Name), ("DB_SCHEMA", "product_cache"), ("DB_MIGRATE", "on"), ("PRODUCT_MAPPING", Mapping), .. more]);

    /// <summary>One transaction.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var connection = await DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
        await transaction.CommitAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>All objects of users in the database, one line each.</summary>
    public Task<string> CatalogueAsync() => ScalarAsync<string>(
        """
        SELECT string_agg(line, E'\n' ORDER BY line) FROM (
          SELECT concat_ws(' ', 'schema', nspname, nspowner, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_'
          UNION ALL
          SELECT concat_ws(' ', 'relation', c.oid, relnamespace::regnamespace, relname, relkind, relowner, relacl, reltriggers.names, a.names)
          FROM pg_class AS c
          LEFT JOIN LATERAL (
            SELECT string_agg(concat_ws(' ', tgname, tgenabled, pg_get_triggerdef(t.oid)), ', ' ORDER BY tgname) AS names FROM pg_trigger AS t WHERE tgrelid = c.oid) AS reltriggers ON true
          LEFT JOIN LATERAL (SELECT string_agg(concat_ws(' ', attname, atttypid), ', ' ORDER BY attnum) AS names FROM pg_attribute WHERE attrelid = c.oid) AS a ON true
          WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
          UNION ALL
          SELECT concat_ws(' ', 'function', oid::regprocedure, prosrc, proacl) FROM pg_proc WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
          UNION ALL
          SELECT concat_ws(' ', 'constraint', connamespace::regnamespace, conname, conrelid::regclass) FROM pg_constraint WHERE connamespace::regnamespace::text !~ '^(pg_|information_schema)'
        ) AS lines(line)
        """);

    public ValueTask DisposeAsync() => database.DisposeAsync();
}
