using Npgsql;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Postgres;

public sealed class ProductWriterTests
{
    private static readonly ProductDraft Tea = new("Tea", 3.5m, "Green");

    private TestDatabase database = null!;
    private ProductWriter writer = null!;

    [OneTimeSetUp]
    public async Task CreateDatabaseAsync()
    {
        database = await TestDatabase.CreateMigratedAsync();
        writer = new ProductWriter(database.DataSource, TimeProvider.System);
    }

    [OneTimeTearDown]
    public ValueTask DropAsync() => database.DisposeAsync();

    [Test]
    public async Task AProductIsCreatedWithIdAndVersion()
    {
        var product = await CreateAsync();

        Assert.That(await RowAsync(product.Id), Is.EqualTo($"Tea 3.50 Green {product.Version}"));
    }

    [Test]
    public async Task ARepeatedCreationIsToldTheSameAndCreatesNothing()
    {
        var key = Key();
        var first = await writer.CreateAsync(Tea, key, default);
        var rows = await CountAsync();

        var second = await writer.CreateAsync(Tea with { Price = 3.50m }, key, default);

        Assert.That(second, Is.EqualTo(first));
        Assert.That(await CountAsync(), Is.EqualTo(rows));
    }

    [Test]
    public async Task CreationsWithOneKeyAtOneTimeCreateOneProduct()
    {
        var key = Key();
        var rows = await CountAsync();

        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => writer.CreateAsync(Tea, key, default)));

        Assert.That(results.Distinct().Count(), Is.EqualTo(1));
        Assert.That(results[0], Is.TypeOf<WriteResult.Written>());
        Assert.That(await CountAsync(), Is.EqualTo(rows + 1));
    }

    [Test]
    public async Task AKeyThatWasUsedForAnotherProductIsRefused()
    {
        var key = Key();
        await writer.CreateAsync(Tea, key, default);
        var rows = await CountAsync();

        Assert.That(await writer.CreateAsync(Tea with { Name = "Coffee" }, key, default), Is.EqualTo(WriteResult.KeyReused.Instance));
        Assert.That(await CountAsync(), Is.EqualTo(rows));
    }

    [Test]
    public async Task AnotherClientMayUseTheSameKey()
    {
        var key = Key();
        var first = await writer.CreateAsync(Tea, key, default);

        var other = await writer.CreateAsync(Tea with { Name = "Coffee" }, key with { Client = "another" }, default);

        Assert.That(other, Is.TypeOf<WriteResult.Written>().And.Not.EqualTo(first));
    }

    [Test]
    public async Task AKeyIsFreeAgainAfterADay()
    {
        var key = Key();
        var first = await writer.CreateAsync(Tea, key, default);
        await database.ExecuteAsync("UPDATE idempotency_keys SET created_at = now() - interval '23 hours 59 minutes' WHERE key = $1", key.Key);
        Assert.That(await writer.CreateAsync(Tea, key, default), Is.EqualTo(first));

        await database.ExecuteAsync("UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second' WHERE key = $1", key.Key);
        Assert.That(await writer.CreateAsync(Tea, key, default), Is.TypeOf<WriteResult.Written>().And.Not.EqualTo(first));
    }

    [Test]
    public async Task AnExpiredKeyBehindManyOthersIsFreeAsWell()
    {
        await database.ExecuteAsync(
            "INSERT INTO idempotency_keys (client, key, fingerprint, product_id, version, created_at) SELECT 'old', n::text, '', 1, 1, now() - interval '3 days' FROM generate_series(1, 300) n");
        var key = Key();
        var first = await writer.CreateAsync(Tea, key, default);
        await database.ExecuteAsync("UPDATE idempotency_keys SET created_at = now() - interval '2 days' WHERE key = $1", key.Key);

        Assert.That(await writer.CreateAsync(Tea, key, default), Is.TypeOf<WriteResult.Written>().And.Not.EqualTo(first));
        await writer.CreateAsync(Tea, Key(), default);
        Assert.That(await database.QueryAsync<long>("SELECT count(*) FROM idempotency_keys WHERE client = 'old'"), Is.Zero);
    }

    [Test]
    public async Task AnUpdateChangesWhatItSays()
    {
        var product = await CreateAsync();

        var result = (WriteResult.Written)await writer.UpdateAsync(product.Id, new ProductDraft(null, 4, null), new([new ProductVersion(product.Version)]), default);

        Assert.That(await RowAsync(product.Id), Is.EqualTo($"Tea 4.00 Green {result.Product.Version}"));
        Assert.That(result.Product.Version, Is.GreaterThan(product.Version));
    }

    [Test]
    public async Task AnUpdateOfAnotherVersionWritesNothing()
    {
        var product = await CreateAsync();
        var seen = new ProductVersion(product.Version);
        var newer = (WriteResult.Written)await writer.UpdateAsync(product.Id, Tea with { Price = 4 }, new([seen]), default);

        Assert.That(await writer.UpdateAsync(product.Id, Tea with { Price = 5 }, new([seen]), default), Is.EqualTo(new WriteResult.OtherVersion(new ProductVersion(newer.Product.Version))));
        Assert.That(await writer.UpdateAsync(product.Id, Tea with { Price = 5 }, new([]), default), Is.EqualTo(new WriteResult.OtherVersion(new ProductVersion(newer.Product.Version))));
        Assert.That(await writer.DeleteAsync(product.Id, new([seen]), default), Is.EqualTo(new WriteResult.OtherVersion(new ProductVersion(newer.Product.Version))));
        Assert.That(await RowAsync(product.Id), Is.EqualTo($"Tea 4.00 Green {newer.Product.Version}"));
    }

    [Test]
    public async Task AVersionThatMustNotBeThereIsNotWrittenOver()
    {
        var product = await CreateAsync();
        var other = new WriteResult.OtherVersion(new ProductVersion(product.Version));
        VersionCondition notThis = new(NoneOf: [new ProductVersion(product.Version)]);
        VersionCondition bothWays = new(OneOf: [new ProductVersion(product.Version)], NoneOf: [new ProductVersion(product.Version)]);

        Assert.That(await writer.UpdateAsync(product.Id, Tea with { Price = 5 }, notThis, default), Is.EqualTo(other));
        Assert.That(await writer.UpdateAsync(product.Id, Tea with { Price = 5 }, bothWays, default), Is.EqualTo(other));
        Assert.That(await writer.DeleteAsync(product.Id, notThis, default), Is.EqualTo(other));
        Assert.That(await RowAsync(product.Id), Is.EqualTo($"Tea 3.50 Green {product.Version}"));
    }

    [Test]
    public async Task AnotherVersionThanThatWhichMustNotBeThereIsWrittenOver()
    {
        var product = await CreateAsync();
        VersionCondition notAnother = new(NoneOf: [new ProductVersion(product.Version + 1)]);

        Assert.That(await writer.UpdateAsync(product.Id, new ProductDraft(null, 5, null), new(NoneOf: []), default), Is.TypeOf<WriteResult.Written>());
        Assert.That(await writer.DeleteAsync(product.Id, new(NoneOf: [new ProductVersion(product.Version)]), default), Is.EqualTo(WriteResult.Deleted.Instance));
        Assert.That(await writer.UpdateAsync(product.Id, Tea, notAnother, default), Is.EqualTo(WriteResult.Absent.Instance));
    }

    // What one of two writers leaves behind is what the other one must not write over, however close they are.
    [Test]
    public async Task AConditionIsDecidedTogetherWithTheWrite()
    {
        var product = await CreateAsync();
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var change = connection.CreateCommand();
        change.CommandText = $"UPDATE products SET price = 9 WHERE id = {product.Id} RETURNING version";
        var version = new ProductVersion((long)(await change.ExecuteScalarAsync())!);

        // It waits for the lock of the row, and sees the new version once it has it.
        var waiting = writer.UpdateAsync(product.Id, Tea with { Price = 5 }, new(NoneOf: [version]), default);
        await Eventually.TrueAsync(async () => await database.QueryAsync<long>("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0);
        await transaction.CommitAsync();

        Assert.That(await waiting, Is.EqualTo(new WriteResult.OtherVersion(version)));
    }

    [Test]
    public async Task OfManyWritersOfOneVersionOneWrites()
    {
        var product = await CreateAsync();

        var results = await Task.WhenAll(Enumerable.Range(1, 8).Select(price =>
            writer.UpdateAsync(product.Id, new ProductDraft(null, 100 + price, null), new([new ProductVersion(product.Version)]), default)));

        Assert.That(results.OfType<WriteResult.Written>().Count(), Is.EqualTo(1));
        Assert.That(results.OfType<WriteResult.OtherVersion>().Count(), Is.EqualTo(7));
    }

    [Test]
    public async Task WithoutAConditionAnyVersionIsWrittenOver()
    {
        var product = await CreateAsync();

        Assert.That(await writer.UpdateAsync(product.Id, Tea with { Price = 4 }, null, default), Is.TypeOf<WriteResult.Written>());
        Assert.That(await writer.DeleteAsync(product.Id, null, default), Is.EqualTo(WriteResult.Deleted.Instance));
        Assert.That(await writer.DeleteAsync(product.Id, null, default), Is.EqualTo(WriteResult.Absent.Instance));
        Assert.That(await writer.UpdateAsync(product.Id, Tea, null, default), Is.EqualTo(WriteResult.Absent.Instance));
    }

    [Test]
    public async Task AConstraintOfAnotherOwnerRefusesWithItsName()
    {
        await database.ExecuteAsync("ALTER TABLE products ADD CONSTRAINT no_poison CHECK (name <> 'Poison')");

        Assert.That(ReasonOf(await writer.CreateAsync(Tea with { Name = "Poison" }, null, default)), Does.Contain("no_poison").And.Contain("SQLSTATE 23514"));
        Assert.That(ReasonOf(await writer.CreateAsync(Tea with { Name = "Poison" }, Key(), default)), Does.Contain("no_poison"));
    }

    [TestCase("P0001")]
    [TestCase("22023")]
    [TestCase("23514")]
    [TestCase("40001")]
    [TestCase("42501")]
    [TestCase("53100")]
    [TestCase("57014")]
    [TestCase("SHOP1")]
    public async Task WhateverATriggerRaisesIsARefusalAndNoOutage(string state)
    {
        var product = await CreateAsync();
        await using var trigger = await ShopTrigger.CreateAsync(database, $"RAISE EXCEPTION 'Not on Sundays' USING ERRCODE = '{state}'");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ReasonOf(await writer.CreateAsync(Tea, null, default)), Does.StartWith("Not on Sundays").And.Contain(state));
            Assert.That(ReasonOf(await writer.UpdateAsync(product.Id, Tea with { Price = 4 }, null, default)), Does.StartWith("Not on Sundays"));
            Assert.That(ReasonOf(await writer.DeleteAsync(product.Id, null, default)), Does.StartWith("Not on Sundays"));
        }
    }

    [Test]
    public async Task ATriggerThatDoesNotWorkIsARefusal()
    {
        await using var trigger = await ShopTrigger.CreateAsync(database, "PERFORM no_such_function()");

        Assert.That(ReasonOf(await writer.CreateAsync(Tea, null, default)), Does.Contain("no_such_function"));
    }

    [Test]
    public async Task ATriggerThatSuppressesTheWriteIsARefusal()
    {
        var product = await CreateAsync();
        await using var trigger = await ShopTrigger.CreateAsync(database, "RETURN NULL");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ReasonOf(await writer.CreateAsync(Tea, null, default)), Does.Contain("suppresses"));
            Assert.That(ReasonOf(await writer.CreateAsync(Tea, Key(), default)), Does.Contain("suppresses"));
            Assert.That(ReasonOf(await writer.UpdateAsync(product.Id, Tea with { Price = 4 }, new VersionCondition([new ProductVersion(product.Version)], null), default)), Does.Contain("suppresses"));
            Assert.That(ReasonOf(await writer.UpdateAsync(product.Id, Tea with { Price = 4 }, null, default)), Does.Contain("suppresses"));
            Assert.That(ReasonOf(await writer.DeleteAsync(product.Id, new VersionCondition([new ProductVersion(product.Version)], null), default)), Does.Contain("suppresses"));
        }
    }

    [Test]
    public async Task AReadOnlyServerIsUnavailable()
    {
        await using var readOnly = NpgsqlDataSource.Create($"{database.ConnectionString};Options=-c default_transaction_read_only=on");

        Assert.That(() => new ProductWriter(readOnly, TimeProvider.System).CreateAsync(Tea, null, default), Throws.TypeOf<UnavailableException>());
    }

    [Test]
    public async Task ACharacterThatTheEncodingOfTheDatabaseLacksIsARefusal()
    {
        await using var latin = await TestDatabase.CreateMigratedAsync("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");

        Assert.That(ReasonOf(await new ProductWriter(latin.DataSource, TimeProvider.System).CreateAsync(Tea with { Name = "Tea 🍵" }, null, default)), Does.Contain("22P05"));
    }

    [Test]
    public async Task AfterRowsWithIdsOfTheirOwnACreationGetsAnIdBeyondThem()
    {
        var last = (await CreateAsync()).Id.Value;
        await database.ExecuteAsync("INSERT INTO products (id, name, price) SELECT $1 + n, 'Imported', 1 FROM generate_series(1, 3) AS n", last);

        var created = await CreateAsync();
        var withKey = await writer.CreateAsync(Tea, Key(), default);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(created.Id.Value, Is.GreaterThan(last + 3));
            Assert.That(((WriteResult.Written)withKey).Product.Id.Value, Is.GreaterThan(created.Id.Value));
        }
    }

    [Test]
    public async Task AWriteThatLeavesARowUnreadableSaysSo()
    {
        var product = await CreateAsync();
        await database.ExecuteAsync("ALTER TABLE products DROP CONSTRAINT products_price_valid");
        await database.ExecuteAsync("UPDATE products SET price = -1 WHERE id = $1", product.Id.Value);

        var result = await writer.UpdateAsync(product.Id, new ProductDraft("Green tea", null, null), null, default);

        Assert.That(result, Is.TypeOf<WriteResult.Unreadable>());
        await database.ExecuteAsync("DELETE FROM products WHERE id = $1", product.Id.Value);
        await database.ExecuteAsync("ALTER TABLE products ADD CONSTRAINT products_price_valid CHECK (price BETWEEN 0 AND 9999999999.99)");
    }

    [Test]
    public void AStoreThatDoesNotAnswerIsUnavailable()
    {
        using var nowhere = Npgsql.NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=nobody;Timeout=1");

        Assert.That(() => new ProductWriter(nowhere, TimeProvider.System).CreateAsync(Tea, null, default), Throws.TypeOf<UnavailableException>());
    }

    private static IdempotencyKey Key() => new("client", Guid.NewGuid().ToString());

    private async Task<Product> CreateAsync() => ((WriteResult.Written)await writer.CreateAsync(Tea, null, default)).Product;

    private Task<long> CountAsync() => database.QueryAsync<long>("SELECT count(*) FROM products");

    private Task<string> RowAsync(ProductId id) =>
        database.QueryAsync<string>($"SELECT concat_ws(' ', name, price, description, version) FROM products WHERE id = {id}");

    private static string ReasonOf(WriteResult result) => result is WriteResult.Refused refused ? refused.Reason : $"Not refused: {result}";
}
