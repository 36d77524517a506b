using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Postgres;

/// <summary>Rows that logical replication applies. It fires row triggers only, which SET session_replication_role does not show.</summary>
public sealed class ReplicatedRowsTests
{
    private readonly string name = $"products_{Guid.NewGuid():N}";
    private TestDatabase publisher = null!;
    private TestDatabase subscriber = null!;

    [OneTimeSetUp]
    public async Task SubscribeAsync()
    {
        publisher = await TestDatabase.CreateMigratedAsync();
        subscriber = await TestDatabase.CreateMigratedAsync();
        if (await publisher.QueryAsync<string>("SELECT current_setting('wal_level')") != "logical")
        {
            Assert.Ignore("Needs a PostgreSQL with wal_level = logical.");
        }

        await publisher.ExecuteAsync("INSERT INTO products (id, name, price) SELECT n, 'Tea', 1 FROM generate_series(1, 3) AS n");
        await publisher.ExecuteAsync($"CREATE PUBLICATION {name} FOR TABLE products");

        // Both databases are in one server, which would wait for itself if it created the slot.
        await publisher.ExecuteAsync($"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')");
        var connection = new Npgsql.NpgsqlConnectionStringBuilder(publisher.ConnectionString);
        var port = await publisher.QueryAsync<string>("SELECT current_setting('port')");
        await subscriber.ExecuteAsync(
            $"CREATE SUBSCRIPTION {name} CONNECTION 'host=127.0.0.1 port={port} dbname={connection.Database} user={connection.Username} password={connection.Password}' "
            + $"PUBLICATION {name} WITH (create_slot = false, slot_name = '{name}')");
    }

    [OneTimeTearDown]
    public async Task UnsubscribeAsync()
    {
        await subscriber.ExecuteAsync($"DROP SUBSCRIPTION IF EXISTS {name}");
        await subscriber.DisposeAsync();
        await publisher.DisposeAsync();
    }

    [Test]
    public async Task EveryKindOfChangeIsRecordedInTheDatabaseThatAppliesIt()
    {
        // The rows that were there before are copied by sessions of their own.
        await RecordedAsync("SELECT count(*) = 3 FROM changes WHERE NOT deleted AND version > 0");

        await publisher.ExecuteAsync("INSERT INTO products (id, name, price) VALUES (4, 'Tea', 1)");
        await publisher.ExecuteAsync("UPDATE products SET price = 2 WHERE id IN (1, 2)");
        await publisher.ExecuteAsync("UPDATE products SET price = price WHERE id = 3");
        await publisher.ExecuteAsync("DELETE FROM products WHERE id = 2");
        await publisher.ExecuteAsync("UPDATE products SET id = 30 WHERE id = 3");

        await RecordedAsync(
            """
            SELECT (SELECT bool_and(id IN (SELECT changes.id FROM changes WHERE NOT deleted AND changes.version = products.version)) FROM products)
               AND (SELECT array_agg(id ORDER BY id) = '{1,4,30}' FROM products)
               AND (SELECT array_agg(id ORDER BY id) = '{2,3}' FROM changes WHERE deleted)
            """);

        await subscriber.ExecuteAsync("DELETE FROM product_changes");
        await publisher.ExecuteAsync("TRUNCATE products");

        await RecordedAsync("SELECT array_agg(id ORDER BY id) = '{1,4,30}' FROM changes WHERE deleted");
    }

    private Task RecordedAsync(string question) => Eventually.TrueAsync(async () => await subscriber.QueryAsync<object>(
        $"WITH changes AS (SELECT unnest(product_ids) AS id, unnest(versions) AS version, deleted FROM product_changes) {question}") is true);
}
