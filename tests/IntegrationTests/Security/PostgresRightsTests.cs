using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using ProductCache.Application;
using ProductCache.Infrastructure.Postgres;
using ProductCache.IntegrationTests.Postgres;

namespace ProductCache.IntegrationTests.Security;

/// <summary>The roles of deploy/rights can do their job, and nothing else.</summary>
[TestFixture("public")]
[TestFixture("shop")]
public sealed class PostgresRightsTests(string schema)
{
    private const string Password = "secret";

    private static readonly string Suffix = Guid.NewGuid().ToString("N")[..8];

    // Each statement with the roles that may run it; the others are denied. Roles: m(igrator), w(orker), a(pi), p(roduct writer).
    private static readonly (string Sql, string Allowed)[] Matrix =
    [
        ("SELECT count(*) FROM products", "mwap"),
        ("INSERT INTO products (name, price) VALUES ('Tea', 1)", "map"),
        ("INSERT INTO products (id, name, price) VALUES (999, 'Tea', 1)", "mp"),
        ("UPDATE products SET price = 2 WHERE id = 1", "map"),
        ("UPDATE products SET version = version WHERE id = 1", "mwp"),
        ("DELETE FROM products WHERE id = 2", "map"),
        ("TRUNCATE products", "m"),
        ("SELECT id FROM products WHERE id = 1 FOR UPDATE SKIP LOCKED", "mwap"),
        ("SELECT nextval('product_version_seq')", "mw"),
        ("SELECT setval('product_version_seq', 1000000)", "mw"),
        ("SELECT count(*) FROM product_changes", "mw"),
        ("INSERT INTO product_changes (bulk, product_ids, versions, deleted) VALUES (false, '{1}', '{1}', false)", "m"),
        ("DELETE FROM product_changes WHERE seq = 0", "mw"),
        ("SELECT count(*) FROM product_changes_parked", "mw"),
        ("INSERT INTO product_changes_parked (product_id, version, deleted, changed_at, reason) VALUES (1, 1, false, now(), 'x')", "mw"),
        ("DELETE FROM product_changes_parked", "m"),
        ("SELECT count(*) FROM idempotency_keys", "ma"),
        ("DELETE FROM idempotency_keys", "ma"),
        ("SELECT count(*) FROM \"__EFMigrationsHistory\"", "mw"),
        ("DELETE FROM \"__EFMigrationsHistory\" WHERE migration_id = 'none'", "m"),
        ("ALTER TABLE products DISABLE TRIGGER USER", "m"),
        ("DROP TRIGGER products_record_insert ON products", "m"),
        ("SET LOCAL session_replication_role = replica", string.Empty),
        ("CREATE TABLE own (id int)", "m"),
        ("CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", string.Empty),
        ("CREATE ROLE another", string.Empty),
        ("SELECT pg_read_file('/etc/passwd')", string.Empty),
    ];

    private static readonly Dictionary<char, string> Roles = new()
    {
        ['m'] = $"migrator_{Suffix}",
        ['w'] = $"worker_{Suffix}",
        ['a'] = $"api_{Suffix}",
        ['p'] = $"writer_{Suffix}",
    };

    private TestDatabase database = null!;

    private static IEnumerable<TestCaseData> Cells() =>
        from row in Matrix from role in Roles.Keys select new TestCaseData(row.Sql, role, row.Allowed.Contains(role, StringComparison.Ordinal)).SetArgDisplayNames(row.Sql, $"{role}");

    [OneTimeSetUp]
    public async Task CreateRolesAsync()
    {
        database = await TestDatabase.CreateEmptyAsync();
        await RunAsync("postgres-roles.sql", database.ConnectionString);
        foreach (var role in Roles.Values)
        {
            await database.ExecuteAsync($"ALTER ROLE {role} PASSWORD '{Password}'");
        }

        await SchemaMigrations.MigrateAsync(OptionsOf('m'), default);
        await RunAsync("postgres-grants.sql", ConnectionStringOf('m'));
        await RunAsync("postgres-grants.sql", ConnectionStringOf('m'));
        await database.ExecuteAsync($"INSERT INTO {schema}.products (name, price) SELECT 'Tea ' || n, 1 FROM generate_series(1, 5) n");
    }

    [OneTimeTearDown]
    public async Task DropRolesAsync()
    {
        foreach (var role in Roles.Values)
        {
            await database.ExecuteAsync($"DROP OWNED BY {role} CASCADE; DROP ROLE {role}");
        }

        await database.DisposeAsync();
    }

    [TestCaseSource(nameof(Cells))]
    public async Task EachRoleMayWhatTheMatrixSays(string sql, char role, bool isAllowed)
    {
        await using var connection = new NpgsqlConnection(ConnectionStringOf(role));
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var search = new NpgsqlCommand($"SET LOCAL search_path = {schema}", connection, transaction);
        await search.ExecuteNonQueryAsync();
        await PostgresRoles.IsAllowedAsync(isAllowed, sql, connection, transaction);
    }

    [Test]
    public async Task WritesOfAnotherTeamAreRecorded()
    {
        await using var writer = NpgsqlDataSource.Create(ConnectionStringOf('p'));
        await using var write = writer.CreateCommand(
            $"INSERT INTO {schema}.products (id, name, price) VALUES (501, 'Coffee', 1); UPDATE {schema}.products SET price = 2 WHERE id = 501; DELETE FROM {schema}.products WHERE id = 501");
        await write.ExecuteNonQueryAsync();

        Assert.That(await database.QueryAsync<long>($"SELECT count(*) FROM {schema}.product_changes WHERE product_ids = ARRAY[501::bigint]"), Is.EqualTo(3));
    }

    [Test]
    public async Task ASchemaInFrontOfTheSearchPathOfAWriterChangesNothing()
    {
        // A writer who owns a schema of that name must not be able to put functions or tables in front of ours.
        await using var writer = NpgsqlDataSource.Create(ConnectionStringOf('p'));
        await using var write = writer.CreateCommand(
            $"CREATE TEMP TABLE product_changes (LIKE {schema}.products); INSERT INTO {schema}.products (id, name, price) VALUES (502, 'Coffee', 1)");
        await using (await ConnectionWithTempRightsAsync())
        {
            await write.ExecuteNonQueryAsync();
        }

        Assert.That(await database.QueryAsync<long>($"SELECT count(*) FROM {schema}.product_changes WHERE product_ids = ARRAY[502::bigint]"), Is.EqualTo(1));
    }

    [Test]
    public async Task TheApiAndTheWorkerDoTheirJob()
    {
        await using var api = new ServiceCollection().AddLogging().AddMetrics().AddPostgresForWriters(OptionsOf('a')).BuildServiceProvider();
        await using var worker = new ServiceCollection().AddLogging().AddMetrics().AddPostgresForWorkers(OptionsOf('w') with { Migrates = false }).BuildServiceProvider();
        var writes = api.GetRequiredService<IProductWriter>();
        var draft = new ProductDraft("Tea", 1, "Green");

        var created = (WriteResult.Written)await writes.CreateAsync(draft, null, default);
        var id = created.Product.Id;
        await writes.UpdateAsync(id, draft with { Name = "Mate" }, null, default);
        var page = await api.GetRequiredService<IProductCatalogue>().ListAsync(null, 10, "Mate", default);
        var read = await worker.GetRequiredService<IProductStore>().ReadAsync([id], default);
        var state = await worker.GetRequiredService<IStoreAudit>().InspectAsync(default);
        await worker.GetRequiredService<IStoreAudit>().RedrawAsync([id], default);
        await worker.GetRequiredService<IStoreAudit>().MoveVersionsAsync(5_000_000, default);
        await using (var batch = await worker.GetRequiredService<IChangeOutbox>().TakeAsync(ChangeLane.Single, default))
        {
            await batch.CompleteAsync([new RefusedChange(batch.Changes[0], "a test")], default);
        }

        Assert.That(page, Has.Count.EqualTo(1));
        Assert.That(Encoding.UTF8.GetString(read.Products[id].Json.Span), Does.Contain("Mate"));
        Assert.That(state.Faults, Is.Empty);
    }

    [Test]
    public async Task AWorkerThatMayNotRepairTheTriggersSaysSo()
    {
        await using var worker = new ServiceCollection().AddLogging().AddMetrics().AddPostgresForWorkers(OptionsOf('w')).BuildServiceProvider();

        Assert.That(
            () => worker.GetRequiredService<IStoreAudit>().RepairAsync(default),
            Throws.TypeOf<StoreNotRepairedException>().With.Message.Contains("must be owner"));
    }

    [Test]
    public async Task ARoleThatMayNotCreateChangesNothing()
    {
        await using var empty = await TestDatabase.CreateEmptyAsync();
        await empty.ExecuteAsync("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
        var options = OptionsOf('w') with { ConnectionString = ConnectionStringOf('w', empty) };

        Assert.That(
            () => SchemaMigrations.MigrateAsync(options, default),
            Throws.TypeOf<MigrationException>().With.Message.StartsWith($"PostgreSQL refuses the migration of schema {schema}: permission denied for"));
        Assert.That(await empty.QueryAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"), Is.Zero);
        NpgsqlConnection.ClearAllPools();
    }

    private async Task<IAsyncDisposable> ConnectionWithTempRightsAsync()
    {
        var name = new NpgsqlConnectionStringBuilder(database.ConnectionString).Database;
        await database.ExecuteAsync($"GRANT TEMPORARY ON DATABASE {name} TO {Roles['p']}");
        return new Revocation(database, $"REVOKE TEMPORARY ON DATABASE {name} FROM {Roles['p']}");
    }

    private PostgresOptions OptionsOf(char role) => new(ConnectionStringOf(role)) { Schema = schema };

    private string ConnectionStringOf(char role, TestDatabase? other = null) => new NpgsqlConnectionStringBuilder((other ?? database).ConnectionString)
    {
        Username = Roles[role],
        Password = Password,
        Pooling = false,
    }.ConnectionString;

    private async Task RunAsync(string script, string connectionString)
    {
        var (exitCode, output, errors) = await PostgresRoles.RunScriptAsync(
            script, connectionString, ("schema", schema), ("migrator", Roles['m']), ("worker", Roles['w']), ("api", Roles['a']), ("writer", Roles['p']));
        Assert.That(exitCode, Is.Zero, output + errors);
    }

    private sealed class Revocation(TestDatabase database, string sql) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await database.ExecuteAsync(sql);
    }
}
