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
    public Task<RunningService> StartAsync(params (string Name, string Value)[] more) => RunningService.StartAsync(
        null, [("DB_NAME", Name), ("DB_SCHEMA", "product_cache"), ("DB_MIGRATE", "on"), ("PRODUCT_MAPPING", Mapping), .. more]);

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

    public ValueTask DisposeAsync() => database.DisposeAsync();
}
