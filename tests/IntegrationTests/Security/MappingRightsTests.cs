using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Mappings;
using ProductCache.Infrastructure.Postgres;
using ProductCache.IntegrationTests.Postgres;

namespace ProductCache.IntegrationTests.Security;

/// <summary>The roles of deploy/rights/mapping-grants.sql can do their job on the objects of a mapping, and nothing else.</summary>
/// <param name="schema">Of the objects of the mapping. Another one: among the tables of the shop.</param>
[TestFixture("product_cache")]
[TestFixture("public")]
public sealed class MappingRightsTests(string schema)
{
    private const string Password = "secret";

    // Each statement with the roles that may run it; the others are denied. Roles: o(wner of the tables), w(orker), a(pi), p(roduct writer).
    private static readonly (string Sql, string Allowed)[] Matrix =
    [
        ("SELECT count(*) FROM {shop}.products", "owap"),
        ("UPDATE {shop}.products SET title = 'New'", "op"),
        ("TRUNCATE {shop}.categories", "op"),
        ("SELECT count(*) FROM {schema}.product_versions", "owa"),
        ("INSERT INTO {schema}.product_versions VALUES (77, 1)", "o"),
        ("UPDATE {schema}.product_versions SET version = 1", "o"),
        ("SELECT last_value FROM {schema}.product_version_seq", "ow"),
        ("SELECT setval('{schema}.product_version_seq', 1000000)", "ow"),
        ("SELECT seq FROM {schema}.product_changes FOR UPDATE SKIP LOCKED", "ow"),
        ("DELETE FROM {schema}.product_changes WHERE seq = 0", "ow"),
        ("INSERT INTO {schema}.product_changes (bulk, product_ids, versions) VALUES (false, '{1}', '{1}')", "o"),
        ("SELECT count(*) FROM {schema}.product_changes_parked", "ow"),
        ("INSERT INTO {schema}.product_changes_parked (product_id, version, deleted, changed_at, reason) VALUES (1, 1, false, now(), 'x')", "ow"),
        ("DELETE FROM {schema}.product_changes_parked", "o"),
        ("INSERT INTO {schema}.product_touches (ids) VALUES ('{1}')", "ow"),
        ("SELECT count(*) FROM {schema}.product_touches", "o"),
        ("DELETE FROM {schema}.product_touches", "o"),
        ("SELECT seq FROM {schema}.product_expansions FOR UPDATE SKIP LOCKED", "ow"),
        ("UPDATE {schema}.product_expansions SET after_id = 1 WHERE seq = 0", "ow"),
        ("DELETE FROM {schema}.product_expansions WHERE seq = 0", "ow"),
        ("INSERT INTO {schema}.product_expansions (watch, keys) VALUES ('x', '{1}')", "o"),
        ("SELECT count(*) FROM {schema}.product_watches", "ow"),
        ("UPDATE {schema}.product_watches SET expansion = 'x'", "o"),
        ("SELECT count(*) FROM {schema}.product_mapping", "ow"),
        ("UPDATE {schema}.product_mapping SET name = 'x'", "o"),
        ("DROP FUNCTION {schema}.product_draw_versions() CASCADE", "o"),
        ("CREATE TABLE {schema}.own (id int)", "o"),
        ("ALTER TABLE {shop}.products DISABLE TRIGGER USER", "o"),
        ("SELECT pg_read_file('/etc/passwd')", string.Empty),
    ];

    private readonly string shop = schema == "public" ? "public" : "shop";
    private readonly Dictionary<char, string> roles = "owap".ToDictionary(role => role, role => $"mapping_{role}_{Guid.NewGuid():N}"[..24]);
    private readonly Dictionary<char, NpgsqlDataSource> sources = [];
    private TestDatabase database = null!;
    private ProductMapping mapping = null!;

    private static IEnumerable<TestCaseData> Cells() =>
        from row in Matrix from role in "owap" select new TestCaseData(row.Sql, role, row.Allowed.Contains(role, StringComparison.Ordinal)).SetArgDisplayNames(row.Sql, $"{role}");

    [OneTimeSetUp]
    public async Task InstallAsync()
    {
        database = await TestDatabase.CreateEmptyAsync();
        var name = new NpgsqlConnectionStringBuilder(database.ConnectionString).Database;
        foreach (var role in roles.Keys)
        {
            sources[role] = NpgsqlDataSource.Create(ConnectionStringOf(role));
        }

        await database.ExecuteAsync(string.Concat(roles.Values.Select(role => $"CREATE ROLE {role} LOGIN PASSWORD '{Password}';")));
        await database.ExecuteAsync(
            $"""
            REVOKE ALL ON DATABASE {name} FROM PUBLIC;
            GRANT CONNECT ON DATABASE {name} TO {string.Join(", ", roles.Values)};
            GRANT CREATE ON DATABASE {name} TO {roles['o']};
            REVOKE CREATE ON SCHEMA public FROM PUBLIC;
            CREATE SCHEMA IF NOT EXISTS {shop};
            GRANT USAGE, CREATE ON SCHEMA {shop} TO {roles['o']};
            """);

        // In public the writer has USAGE as everybody has it.
        await AsAsync(
            'o',
            $"""
            CREATE TABLE {shop}.products (id bigint PRIMARY KEY, title text, category int);
            CREATE TABLE {shop}.categories (id int PRIMARY KEY, name text);
            GRANT SELECT ON ALL TABLES IN SCHEMA {shop} TO {roles['w']}, {roles['a']};
            GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA {shop} TO {roles['p']};
            """);
        if (shop != "public")
        {
            await database.ExecuteAsync($"GRANT USAGE ON SCHEMA {shop} TO {roles['w']}, {roles['a']}, {roles['p']}");
        }

        var text =
            $"""
            -- id: bigint
            -- watch: {shop}.products (id)
            -- watch: {shop}.categories (id) -> select id from {shop}.products where category = any(@keys)
            -- list: select id, title as search from {shop}.products
            select p.id, jsonb_build_object('title', p.title, 'category', c.name) as body
            from {shop}.products as p left join {shop}.categories as c on c.id = p.category where p.id = any(@ids)
            """;
        mapping = ProductMapping.TryParse("shop.sql", text, out var parsed, out var faults) ? parsed : throw new InvalidOperationException(string.Join(' ', faults));
        await SchemaMigrations.MigrateAsync(OptionsOf('o'), default);
        await GrantAsync();
        await GrantAsync();
    }

    [OneTimeTearDown]
    public async Task DropRolesAsync()
    {
        foreach (var source in sources.Values)
        {
            await source.DisposeAsync();
        }

        foreach (var role in roles.Values)
        {
            await database.ExecuteAsync($"DROP OWNED BY {role} CASCADE; DROP ROLE {role}");
        }

        await database.DisposeAsync();
    }

    [TestCaseSource(nameof(Cells))]
    public async Task EachRoleMayWhatTheMatrixSays(string sql, char role, bool isAllowed)
    {
        await using var connection = await sources[role].OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await PostgresRoles.IsAllowedAsync(isAllowed, sql.Replace("{schema}", schema, StringComparison.Ordinal).Replace("{shop}", shop, StringComparison.Ordinal), connection, transaction);
    }

    [Test]
    public async Task ProductsAreFilledChangedExpandedParkedAndListedWithTheseRights()
    {
        await AsAsync('p', $"INSERT INTO {shop}.categories VALUES (1, 'Hot'); INSERT INTO {shop}.products VALUES (1, 'Tea', 1), (2, 'Coffee', 1), (3, 'Water', NULL)");
        await using var worker = new ServiceCollection().AddLogging().AddMetrics().AddPostgresForWorkers(OptionsOf('w')).BuildServiceProvider();
        await using var api = new ServiceCollection().AddLogging().AddMetrics().AddPostgresForWriters(OptionsOf('a')).BuildServiceProvider();

        Assert.That(await worker.GetRequiredService<ISchemaMigration>().MissingAsync(default), Is.Null);
        var audit = worker.GetRequiredService<IStoreAudit>();
        Assert.That((await audit.InspectAsync(default)).Faults, Is.Empty);
        var read = await worker.GetRequiredService<IProductStore>().ReadAsync([new ProductId(1), new ProductId(9)], default);
        Assert.That(Encoding.UTF8.GetString(read.Products[new ProductId(1)].Json.Span), Is.EqualTo("""{"title":"Tea","category":"Hot"}"""));
        Assert.That(read.Products[new ProductId(1)].Version, Is.Positive);

        await TakeAsync(worker);
        await AsAsync('p', $"UPDATE {shop}.categories SET name = 'Very hot'");
        var expanded = 0;
        while (await worker.GetRequiredService<TouchExpansions>().ExpandAsync(default))
        {
            expanded++;
        }

        Assert.That(expanded, Is.EqualTo(2), "The insert and the update.");
        Assert.That((await TakeAsync(worker)).Select(change => change.Id).Distinct(), Is.EquivalentTo(new[] { "1", "2" }));
        Assert.That(await worker.GetRequiredService<TouchExpansions>().MeasureAsync(default), Is.EqualTo((0L, TimeSpan.Zero)));

        await audit.RedrawAsync([new ProductId(3)], default);
        var parked = await TakeAsync(worker, park: true);
        Assert.That(parked.Single().Id, Is.EqualTo("3"));
        Assert.That((await worker.GetRequiredService<ChangeOutbox>().MeasureAsync(default)).Parked, Is.EqualTo(1));
        Assert.That(await audit.MoveVersionsAsync(5_000_000, default), Is.EqualTo(5_000_000));

        var page = await api.GetRequiredService<IProductCatalogue>().ListAsync(null, 10, "cof", default);
        Assert.That(page.Single().Product!.Version, Is.GreaterThan(read.Products[new ProductId(1)].Version));
        Assert.That((await api.GetRequiredService<IStoreInspection>().ReadAsync(new ProductId(2), default)).Fault, Is.Null);
    }

    [Test]
    public async Task EveryWriteOfARoleWithRightsOnTheTablesOnlyIsRecorded()
    {
        await AsAsync('p', $"INSERT INTO {shop}.products VALUES (501, 'Tea', 7)");
        await AsAsync('p', $"UPDATE {shop}.products SET title = 'Green tea' WHERE id = 501");
        await AsAsync('p', $"DELETE FROM {shop}.products WHERE id = 501");
        await AsAsync('p', $"INSERT INTO {shop}.categories VALUES (501, 'Cold'); TRUNCATE {shop}.categories");

        Assert.That(await database.QueryAsync<long>($"SELECT count(*) FROM {schema}.product_changes WHERE 501 = ANY(product_ids)"), Is.EqualTo(3));
        Assert.That(await database.QueryAsync<long>($"SELECT count(*) FROM {schema}.product_expansions WHERE '501' = ANY(keys)"), Is.EqualTo(2));
        await database.ExecuteAsync($"DELETE FROM {schema}.product_changes; DELETE FROM {schema}.product_expansions");
    }

    [Test]
    public async Task AWorkerThatMayNotInstallSaysWhatToRun()
    {
        await using var worker = new ServiceCollection().AddLogging().AddMetrics().AddPostgresForWorkers(OptionsOf('w')).BuildServiceProvider();

        Assert.That(() => worker.GetRequiredService<IStoreAudit>().RepairAsync(default), Throws.TypeOf<StoreNotRepairedException>().With.Message.Contains("mapping install"));
        Assert.That(
            () => SchemaMigrations.MigrateAsync(OptionsOf('w') with { Schema = "another" }, default),
            Throws.TypeOf<MigrationException>().With.Message.StartsWith("PostgreSQL refuses the objects of the mapping shop.sql: permission denied for").And.Message.EndsWith("Nothing was changed."));
    }

    private static async Task<IReadOnlyList<RecordedChange>> TakeAsync(IServiceProvider worker, bool park = false)
    {
        await using var batch = await worker.GetRequiredService<IChangeOutbox>().TakeAsync(ChangeLane.Single, default);
        await batch.CompleteAsync(park ? [.. batch.Changes.Select(change => new RefusedChange(change, "a test"))] : [], default);
        return batch.Changes;
    }

    private async Task AsAsync(char role, string sql)
    {
        await using var command = sources[role].CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private PostgresOptions OptionsOf(char role) => new(ConnectionStringOf(role)) { Schema = schema, Mapping = mapping, Migrates = false };

    private string ConnectionStringOf(char role) =>
        new NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = roles[role], Password = Password }.ConnectionString;

    private async Task GrantAsync()
    {
        var (exitCode, output, errors) = await PostgresRoles.RunScriptAsync(
            "mapping-grants.sql", ConnectionStringOf('o'), ("schema", schema), ("worker", roles['w']), ("api", roles['a']));
        Assert.That((exitCode, errors), Is.EqualTo((0, string.Empty)), output);
    }
}
