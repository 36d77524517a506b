using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using ProductCache.Infrastructure.Postgres;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests.Postgres;

/// <summary>A database of its own for a fixture, and the services of the product over it.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private readonly ServiceProvider services;

    private TestDatabase(string connectionString)
    {
        ConnectionString = connectionString;
        var collection = new ServiceCollection();
        collection.AddLogging(logging => logging.ClearProviders());
        collection.AddPostgresForWorkers(new PostgresOptions(connectionString));
        services = collection.BuildServiceProvider();
    }

    public string ConnectionString { get; }

    public NpgsqlDataSource DataSource => services.GetRequiredService<NpgsqlDataSource>();

    public Migrator Migrator => services.GetRequiredService<Migrator>();

    /// <param name="options">Of CREATE DATABASE.</param>
    public static async Task<TestDatabase> CreateEmptyAsync(string options = "")
    {
        var server = (await SharedServers.Postgres).ConnectionString;
        var name = $"test_{Guid.NewGuid():N}";
        await using var dataSource = NpgsqlDataSource.Create(server);
        await using var command = dataSource.CreateCommand($"CREATE DATABASE {name} {options}");
        await command.ExecuteNonQueryAsync();
        return new TestDatabase(new NpgsqlConnectionStringBuilder(server) { Database = name, IncludeErrorDetail = true }.ConnectionString);
    }

    public static async Task<TestDatabase> CreateMigratedAsync(string options = "")
    {
        var database = await CreateEmptyAsync(options);
        await database.Migrator.MigrateAsync(default);
        return database;
    }

    /// <summary>Another process's view of the same database.</summary>
    public TestDatabase Again() => new(ConnectionString);

    /// <summary>The same database by another role.</summary>
    public TestDatabase As(string user, string password) =>
        new(new NpgsqlConnectionStringBuilder(ConnectionString) { Username = user, Password = password }.ConnectionString);

    public async Task<int> ExecuteAsync(string sql, params object[] parameters)
    {
        await using var command = DataSource.CreateCommand(sql);
        command.Parameters.AddRange(parameters.Select(value => new NpgsqlParameter { Value = value }).ToArray());
        return await command.ExecuteNonQueryAsync();
    }

    public async Task<T> QueryAsync<T>(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public IDbContextFactory<ProductsDbContext> Contexts => services.GetRequiredService<IDbContextFactory<ProductsDbContext>>();

    public ProductsDbContext NewContext() => Contexts.CreateDbContext();

    public ValueTask DisposeAsync() => services.DisposeAsync();
}
