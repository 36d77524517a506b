using Npgsql;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;
using ProductCache.TestSupport.PortSpecifications;

namespace ProductCache.IntegrationTests.Postgres;

public sealed class PostgresProductStoreTests : ProductStoreSpecification
{
    private TestDatabase database = null!;
    private ProductStore store = null!;

    protected override IProductStore Store => store;

    [OneTimeSetUp]
    public async Task CreateDatabaseAsync()
    {
        database = await TestDatabase.CreateMigratedAsync();
        store = NewStore(database.DataSource);
    }

    [OneTimeTearDown]
    public ValueTask DropAsync() => database.DisposeAsync();

    [Test]
    public async Task ADatabaseWithoutTheTableIsUnavailable()
    {
        await using var empty = await TestDatabase.CreateEmptyAsync();

        Assert.ThrowsAsync<UnavailableException>(() => NewStore(empty.DataSource).ReadAsync([new ProductId(1)], default));
    }

    [Test]
    public async Task AServerThatDoesNotAnswerIsUnavailable()
    {
        await using var nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=nobody;Database=nothing;Timeout=2");

        Assert.ThrowsAsync<UnavailableException>(() => NewStore(nowhere).ReadAsync([new ProductId(1)], default));
    }

    private static ProductStore NewStore(NpgsqlDataSource dataSource) => new(dataSource, ProductStatement.BuiltIn, new VersionHighWater(), new VersionRepair(dataSource));

    protected override Task PutAsync(ProductId id, string name, decimal price, string description) => database.ExecuteAsync(
        """
        INSERT INTO products (id, name, price, description) VALUES ($1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, price = EXCLUDED.price, description = EXCLUDED.description
        """,
        id.Value,
        name,
        price,
        description);

    protected override Task DeleteAsync(ProductId id) => database.ExecuteAsync("DELETE FROM products WHERE id = $1", id.Value);
}
