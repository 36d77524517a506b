using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.IntegrationTests.Postgres;

/// <summary>A row that is no valid product is that row's fault: the store and the list read all others.</summary>
public sealed class UnreadableRowTests
{
    private TestDatabase database = null!;
    private ProductStore store = null!;

    [SetUp]
    public async Task CreateDatabaseAsync()
    {
        database = await TestDatabase.CreateMigratedAsync();
        store = new ProductStore(database.DataSource, ProductStatement.BuiltIn, new VersionHighWater(), new VersionRepair(database.DataSource));
        await database.ExecuteAsync("INSERT INTO products (id, name, price) SELECT n, 'Tea', 1 FROM generate_series(1, 5) AS n");
    }

    [TearDown]
    public ValueTask DropAsync() => database.DisposeAsync();

    [TestCase("name = repeat('x', 300)", "name")]
    [TestCase("name = ''", "name")]
    [TestCase("name = E'a\\nb'", "name")]
    [TestCase("name = NULL", "name")]
    [TestCase("price = -1", "price")]
    [TestCase("price = 'NaN'", "price")]
    [TestCase("price = NULL", "price")]
    [TestCase("description = repeat('x', 10001)", "description")]
    [TestCase("description = NULL", "description")]
    public async Task AConstraintThatIsGoneLeavesTheOthersReadable(string assignment, string column)
    {
        await database.ExecuteAsync(
            """
            ALTER TABLE products DROP CONSTRAINT products_name_valid, DROP CONSTRAINT products_price_valid, DROP CONSTRAINT products_description_valid,
              ALTER name DROP NOT NULL, ALTER price DROP NOT NULL, ALTER description DROP NOT NULL
            """);
        await database.ExecuteAsync($"UPDATE products SET {assignment} WHERE id = 3");

        await TheThirdIsUnreadableAsync(column);
    }

    [Test]
    public async Task ARowWithoutAVersionGetsOneWhenItIsRead()
    {
        await database.ExecuteAsync("ALTER TABLE products DISABLE TRIGGER USER; UPDATE products SET version = 0 WHERE id = 3; ALTER TABLE products ENABLE TRIGGER USER");

        var read = await ReadAllAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(read.Unreadable, Is.Empty);
            Assert.That(read.Products, Has.Count.EqualTo(5));
            Assert.That(read.Products[new ProductId(3)].Version, Is.GreaterThan(read.Products[new ProductId(5)].Version));
            Assert.That(await database.QueryAsync<long>("SELECT count(*) FROM product_changes WHERE product_ids = '{3}'"), Is.Positive);
        }
    }

    [Test]
    public async Task ARowWithoutAVersionThatCannotBeGivenOneIsUnreadable()
    {
        await database.ExecuteAsync("ALTER TABLE products DISABLE TRIGGER USER; UPDATE products SET version = 0 WHERE id = 3; ALTER TABLE products ENABLE TRIGGER USER");
        await using var trigger = await ShopTrigger.CreateAsync(database, "RAISE EXCEPTION 'The shop is closed'");

        await TheThirdIsUnreadableAsync("no version");
        Assert.That((await ReadAllAsync()).Unreadable.Values.Single(), Does.Contain("The shop is closed"));
    }

    [TestCase("294247-01-01")]
    [TestCase("4000-01-01 BC")]
    [TestCase("infinity")]
    public async Task ATimeBeyondTheYearsOfDotNetHidesNothing(string time)
    {
        await database.ExecuteAsync($"UPDATE products SET created_at = '{time}' WHERE id = 3");

        Assert.That((await ReadAllAsync()).Products, Has.Count.EqualTo(5));
        Assert.That(await ListAsync(), Is.EqualTo("1 2 3 4 5"));
    }

    [Test]
    public async Task TextThatIsNotUtf8IsThatRowsFault()
    {
        await using var ascii = await TestDatabase.CreateMigratedAsync("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
        await ascii.ExecuteAsync(@"INSERT INTO products (id, name, price) VALUES (1, 'Tea', 1), (2, 'Tea', 1), (3, E'caf\xe9', 1), (4, 'Tea', 1), (5, 'Tea', 1)");
        await database.DisposeAsync();
        database = ascii;
        store = new ProductStore(database.DataSource, ProductStatement.BuiltIn, new VersionHighWater(), new VersionRepair(database.DataSource));

        await TheThirdIsUnreadableAsync("UTF8");
    }

    [Test]
    public async Task ARowThatTheServerItselfCannotReadIsThatRowsFault()
    {
        // The server computes the price when it is read, and fails for one row as it does for a damaged page.
        await database.ExecuteAsync(
            """
            ALTER TABLE products RENAME TO stored;
            CREATE VIEW products AS SELECT id, name, CASE WHEN id = 3 THEN (price / (id - 3))::numeric ELSE price END AS price, description, version, attributes FROM stored;
            """);

        var read = await ReadAllAsync();

        Assert.That(read.Products.Keys.Select(id => id.Value).Order(), Is.EqualTo(new[] { 1, 2, 4, 5 }));
        Assert.That(read.Unreadable[new ProductId(3)], Does.Contain("division by zero"));
    }

    [Test]
    public async Task AnOutboxRowThatWasWrittenByHandDoesNotStopItsLane()
    {
        await database.ExecuteAsync(
            """
            DELETE FROM product_changes;
            INSERT INTO product_changes (bulk, product_ids, versions, deleted, changed_at) VALUES
              (false, '{NULL,2}', '{1,NULL}', false, 'infinity'), (false, '{3}', '{7}', false, '294247-01-01')
            """);

        await using var batch = await new ChangeOutbox(database.DataSource).TakeAsync(ChangeLane.Single, default);

        Assert.That(batch.Changes.Select(change => (change.Id, change.Version)), Is.EqualTo(new[] { ("0", 1L), ("2", 0L), ("3", 7L) }));
    }

    private Task<StoreRead> ReadAllAsync() => store.ReadAsync([.. Enumerable.Range(1, 5).Select(id => new ProductId(id))], default);

    private async Task TheThirdIsUnreadableAsync(string reason)
    {
        var read = await ReadAllAsync();
        Assert.That(read.Products.Keys.Select(id => id.Value).Order(), Is.EqualTo(new[] { 1, 2, 4, 5 }));
        Assert.That(read.Unreadable[new ProductId(3)], Does.Contain(reason));
        Assert.That(await ListAsync(), Is.EqualTo("1 2 (3) 4 5"));
    }

    /// <summary>The ids of the list, in parentheses those that are marked as unreadable.</summary>
    private async Task<string> ListAsync()
    {
        var page = await new ProductCatalogue(database.DataSource, TimeProvider.System).ListAsync(null, 10, null, default);
        return string.Join(' ', page.Select(listed => listed.Product is null ? $"({listed.Id})" : $"{listed.Id}"));
    }
}
