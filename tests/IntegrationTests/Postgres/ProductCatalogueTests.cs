using Npgsql;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.IntegrationTests.Postgres;

public sealed class ProductCatalogueTests
{
    private TestDatabase database = null!;
    private ProductCatalogue catalogue = null!;

    [OneTimeSetUp]
    public async Task CreateDatabaseAsync()
    {
        database = await TestDatabase.CreateMigratedAsync();
        await database.ExecuteAsync(
            """
            INSERT INTO products (id, name, price) VALUES
            (1, 'Green tea', 1), (2, 'Black TEA', 2), (5, '100 % tea', 3), (7, 'Tea_bag', 4), (9, 'Back\slash', 5), (11, 'Kaffee «süß»', 6)
            """);
        catalogue = new ProductCatalogue(database.DataSource, TimeProvider.System);
    }

    [OneTimeTearDown]
    public ValueTask DropAsync() => database.DisposeAsync();

    [TestCase(null, 3, "1 2 5")]
    [TestCase(2L, 2, "5 7")]
    [TestCase(3L, 9, "5 7 9 11")]
    [TestCase(11L, 9, "")]
    public async Task PagesAreInTheOrderOfIds(long? after, int limit, string expected) =>
        Assert.That(await ListAsync(after, limit, null), Is.EqualTo(expected));

    [TestCase("tea", "1 2 5 7")]
    [TestCase("BLACK", "2")]
    [TestCase("0 %", "5")]
    [TestCase("a_b", "7")]
    [TestCase(@"k\s", "9")]
    [TestCase("SÜSS", "")]
    [TestCase("SÜß", "11")]
    [TestCase("%%%", "")]
    public async Task APartOfANameIsFoundInAnyCaseAndAsItIs(string part, string expected) =>
        Assert.That(await ListAsync(null, 100, part), Is.EqualTo(expected));

    [Test]
    public async Task TheServerItselfEndsAListThatTakesTooLong()
    {
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var lockTable = new NpgsqlCommand("LOCK TABLE products IN ACCESS EXCLUSIVE MODE", connection, transaction);
        await lockTable.ExecuteNonQueryAsync();

        var ended = Assert.ThrowsAsync<UnavailableException>(() => catalogue.ListAsync(null, 1, null, default));

        Assert.That(ended!.Reason, Does.Contain("statement timeout"));
    }

    [Test]
    public async Task PartsOfNamesHaveAnIndex()
    {
        // A table of a few rows is read as a whole, unless that is forbidden.
        var plan = await database.QueryAsync<string>(
            "SET enable_seqscan = off; SET enable_indexscan = off; EXPLAIN SELECT * FROM products WHERE name ILIKE '%tea%'");

        Assert.That(plan, Does.Contain("Bitmap Heap Scan"));
    }

    [Test]
    public void AStoreThatDoesNotAnswerIsUnavailable()
    {
        using var nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=nobody;Timeout=1");

        Assert.That(() => new ProductCatalogue(nowhere, TimeProvider.System).ListAsync(null, 1, null, default), Throws.TypeOf<UnavailableException>());
    }

    private async Task<string> ListAsync(long? after, int limit, string? name)
    {
        var products = await catalogue.ListAsync(after is { } last ? new ProductId(last) : null, limit, name, default);
        return string.Join(' ', products.Select(product => product.Id));
    }
}
