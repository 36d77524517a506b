using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using ProductCache.Application;
using ProductCache.Infrastructure.Mappings;
using ProductCache.Infrastructure.Tools;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests.Mappings;

/// <summary>The verbs of mappings as a process, with the settings of PostgreSQL and nothing else.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class MappingVerbsTests
{
    private const string Tables =
        """
        CREATE SCHEMA shop;
        CREATE TABLE shop.products (id bigint PRIMARY KEY, title text, stock int);
        CREATE TABLE shop.prices (id bigint PRIMARY KEY, product_id bigint REFERENCES shop.products (id), amount numeric);
        CREATE INDEX ON shop.prices (product_id);
        INSERT INTO shop.products VALUES (1, 'Tea', 3), (2, 'Coffee', NULL), (3, 'Mate', 0);
        INSERT INTO shop.prices VALUES (1, 1, 3.5), (2, 2, 4), (3, 2, 5);
        CREATE FUNCTION shop.own() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER own AFTER INSERT ON shop.products FOR EACH ROW EXECUTE FUNCTION shop.own();
        """;

    private const string Mapping =
        """
        -- id: bigint
        -- watch: shop.products (id)
        -- watch: shop.prices (product_id)
        -- list: select id, title as search from shop.products
        select id, jsonb_build_object('title', title, 'stock', stock, 'prices',
          (select jsonb_agg(p.amount order by p.amount) from shop.prices as p where p.product_id = products.id)) as body
        from shop.products where id = any(@ids)
        """;

    // Prices lead to products on another way.
    private const string OtherMapping =
        """
        -- id: bigint
        -- watch: shop.products (id)
        -- watch: shop.prices (id) -> select product_id from shop.prices where id = any(@keys)
        select id, jsonb_build_object('title', title) as body from shop.products where id = any(@ids)
        """;

    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "productcache.dll");

    private Shop shop = null!;
    private Shop busy = null!;
    private Task<Exception?> writers = null!;
    private Task<CommandResult> installed = null!;

    [OneTimeSetUp]
    public async Task CreateAsync()
    {
        shop = await Shop.CreateAsync(Tables, Mapping);

        // It takes ten seconds until install gives up, so it runs beside the other tests.
        busy = await Shop.CreateAsync(Tables, Mapping);
        var locked = new TaskCompletionSource();
        writers = WriteUntilAsync(locked, () => installed is { IsCompleted: true });
        await locked.Task;
        installed = RunAsync(busy, [], "install");
    }

    [OneTimeTearDown]
    public async Task DropAsync()
    {
        await Task.WhenAll(installed, writers);
        installed.Dispose();
        writers.Dispose();
        await busy.DisposeAsync();
        await shop.DisposeAsync();
    }

    [TearDown]
    public async Task RemoveAsync()
    {
        await File.WriteAllTextAsync(shop.Mapping, Mapping);
        File.Delete(MappingSettings.SchemaPathOf(shop.Mapping));
        await using var services = ToolRegistration.BuildMappingTools(TestSettings.Of(shop.Settings, []));
        await services.GetRequiredService<IMappingTools>().RemoveAsync(default);
        Assert.That(await shop.ScalarAsync<bool>("SELECT to_regnamespace('product_cache') IS NULL"), Is.True);
    }

    [Test]
    public async Task CheckShowsProductsAsReadersGetThem()
    {
        var (exitCode, output, errors) = await RunAsync("check");

        Assert.That(exitCode, Is.Zero, output + errors);
        Assert.That(output, Does.Contain("""2: {"stock":null,"title":"Coffee","prices":[4,5]}""").And.Contain("3 of 3 products have a body; 0 are absent."));
        Assert.That(output, Does.Not.Contain("Node Type"));

        var one = await RunAsync("check", "2", "99", "--plan");
        Assert.That(one.ExitCode, Is.Zero);
        Assert.That(one.Output, Does.Contain("99: absent").And.Contain("1 of 2 products have a body; 1 are absent.").And.Contain("Node Type").And.Not.Contain("1: {"));

        var json = JsonNode.Parse((await RunAsync("check", "1", "--json")).Output)!;
        Assert.That(json["products"]![0]!["body"]!.ToString(), Does.Contain("Tea"));
        Assert.That(json["number"]!.ToString(), Does.Match("^[0-9a-f]{16}$"));
    }

    [Test]
    public async Task CheckPrintsTheStatementsOfInstallAndRunsNone()
    {
        await File.WriteAllTextAsync(shop.Mapping, OtherMapping.Replace("any(@keys)", @"any(@keys) and amount::text <> '\'", StringComparison.Ordinal));
        var before = await shop.CatalogueAsync();

        var printed = await RunAsync("check", "--sql");

        Assert.That(printed.ExitCode, Is.Zero);
        Assert.That(await shop.CatalogueAsync(), Is.EqualTo(before));

        // As psql runs them: after that nothing is left for install.
        await using (var run = shop.DataSource.CreateCommand(printed.Output))
        {
            await run.ExecuteNonQueryAsync();
        }

        Assert.That((await RunAsync("diff")).ExitCode, Is.Zero);
        var byHand = (await TriggersAsync(), await RecordedAsync());
        await using var services = ToolRegistration.BuildMappingTools(TestSettings.Of(shop.Settings, []));
        await services.GetRequiredService<IMappingTools>().RemoveAsync(default);
        await services.GetRequiredService<IMappingTools>().InstallAsync(default);
        Assert.That((await TriggersAsync(), await RecordedAsync()), Is.EqualTo(byHand));
        Assert.That(byHand.Item1, Has.Count.EqualTo(10));

        Task<string> RecordedAsync() => shop.ScalarAsync<string>(
            "SELECT (SELECT concat_ws(' ', number, id_type, name, watches) FROM product_cache.product_mapping) || (SELECT string_agg(concat_ws(' ', name, key_type, expansion), ' ') FROM product_cache.product_watches)");
    }

    [Test]
    public async Task ADraftOfTheSchemaIsAcceptedByTheNextCheck()
    {
        var draft = await RunAsync("check", "--draft-schema");
        Assert.That(draft.ExitCode, Is.Zero);
        Assert.That(JsonNode.Parse(draft.Output)!["properties"]!["stock"]!["type"]!.ToJsonString(), Is.EqualTo("""["integer","null"]"""));

        await File.WriteAllTextAsync(MappingSettings.SchemaPathOf(shop.Mapping), draft.Output);
        var accepted = await RunAsync("check");
        Assert.That((accepted.ExitCode, accepted.Output.Contains("3 products fit the JSON Schema.", StringComparison.Ordinal)), Is.EqualTo((0, true)), accepted.Output);

        await File.WriteAllTextAsync(MappingSettings.SchemaPathOf(shop.Mapping), """{"type":"object","properties":{"stock":{"type":"integer"}}}""");
        var refused = await RunAsync("check");
        Assert.That((refused.ExitCode, refused.Output.Contains("Product 2 does not fit the JSON Schema at /stock: ", StringComparison.Ordinal)), Is.EqualTo((1, true)), refused.Output);
    }

    [Test]
    public async Task RemoveLeavesTheDatabaseAsItWasBeforeInstall()
    {
        var before = await shop.CatalogueAsync();

        var missing = await RunAsync("diff");
        Assert.That(missing.ExitCode, Is.EqualTo(1));
        Assert.That(
            Lines(missing.Output),
            Has.Count.EqualTo(12).And.Contains("- create the tables, functions and the sequence in the schema product_cache").And.Contains("install would take 11 steps."));
        Assert.That(await shop.CatalogueAsync(), Is.EqualTo(before));

        var install = await RunAsync("install");
        Assert.That(install.ExitCode, Is.Zero, install.Errors);
        Assert.That(Lines(install.Output), Is.EqualTo((string[])[.. Lines(missing.Output)[..^1], "The mapping is installed."]));

        var same = await RunAsync("diff");
        Assert.That((same.ExitCode, same.Output.Trim()), Is.EqualTo((0, "The mapping is installed as the file has it.")));

        var complete = await shop.CatalogueAsync();
        var again = await RunAsync("install");
        Assert.That((again.ExitCode, again.Output.Trim()), Is.EqualTo((0, "The mapping is installed.")));
        Assert.That(await shop.CatalogueAsync(), Is.EqualTo(complete));

        var unconfirmed = await RunAsync("remove");
        Assert.That((unconfirmed.ExitCode, unconfirmed.Errors.Contains("--yes", StringComparison.Ordinal)), Is.EqualTo((2, true)));
        Assert.That(await shop.CatalogueAsync(), Is.EqualTo(complete));

        await shop.ExecuteAsync("UPDATE shop.products SET stock = stock; UPDATE shop.prices SET amount = amount");
        var removed = await RunAsync("remove", "--yes");
        Assert.That((removed.ExitCode, removed.Output.Trim()), Is.EqualTo((0, "Everything of ProductCache was removed from the database.")));
        Assert.That(await shop.CatalogueAsync(), Is.EqualTo(before));
    }

    [Test]
    public async Task AnotherMappingReplacesTheTriggersThatItHasInAnotherWay()
    {
        await RunAsync("install");
        var old = await TriggersAsync();
        await File.WriteAllTextAsync(shop.Mapping, OtherMapping);

        var difference = Lines((await RunAsync("diff")).Output);
        Assert.That(difference, Has.Some.StartsWith("- replace the mapping shop.sql ("));
        Assert.That(difference.Count(line => line.StartsWith("- create the trigger product_cache_2_", StringComparison.Ordinal) && line.EndsWith(" on shop.prices", StringComparison.Ordinal)), Is.EqualTo(5));
        Assert.That(difference.Count(line => line.StartsWith("- remove the trigger product_cache_2_", StringComparison.Ordinal) && line.EndsWith(" from shop.prices", StringComparison.Ordinal)), Is.EqualTo(5));
        Assert.That(difference, Has.Count.EqualTo(12));

        Assert.That((await RunAsync("install")).ExitCode, Is.Zero);
        var now = await TriggersAsync();
        Assert.That(now.Intersect(old).ToList(), Has.Count.EqualTo(5).And.All.Contains("shop.products"));
        Assert.That(now.Except(old).ToList(), Has.Count.EqualTo(5).And.All.Contains("shop.prices"));
        Assert.That((await RunAsync("diff")).ExitCode, Is.Zero);

        // The watch that is gone records nothing, and the new one does.
        await shop.ExecuteAsync("UPDATE shop.prices SET amount = amount");
        Assert.That(await shop.ScalarAsync<long>("SELECT (SELECT count(*) FROM product_cache.product_expansions) * 10 + (SELECT count(*) FROM product_cache.product_changes)"), Is.EqualTo(10));

        await File.WriteAllTextAsync(shop.Mapping, Mapping.Replace("id: bigint", "id: text", StringComparison.Ordinal));
        var otherIds = await RunAsync("install");
        Assert.That((otherIds.ExitCode, otherIds.Errors.Trim()), Is.EqualTo((3, "The schema product_cache has a mapping for ids of the type bigint (shop.sql), but shop.sql has text: remove it first, or set DB_SCHEMA to another schema.")));
    }

    [TestCase("ALTER TABLE shop.prices DISABLE TRIGGER USER", 5)]
    [TestCase("ALTER TABLE product_cache.product_touches DISABLE TRIGGER product_draw_versions", 1)]
    [TestCase("DROP TRIGGER product_changes_notify ON product_cache.product_changes", 1)]
    [TestCase("ALTER SEQUENCE product_cache.product_version_seq CACHE 10", 1)]
    [TestCase("DROP FUNCTION product_cache.product_draw_versions() CASCADE", 1)]
    [TestCase("CREATE OR REPLACE FUNCTION product_cache.product_draw_versions() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'", 1)]

    // The table is replaced by another one: the triggers went away with the old one.
    [TestCase("CREATE TABLE shop.copy AS TABLE shop.prices; ALTER TABLE shop.prices RENAME TO old; ALTER TABLE shop.copy RENAME TO prices", 10)]
    public async Task InstallRepairsWhatWasChangedByHand(string change, int steps)
    {
        await using var services = ToolRegistration.BuildMappingTools(TestSettings.Of(shop.Settings, []));
        var tools = services.GetRequiredService<IMappingTools>();
        await tools.InstallAsync(default);
        var complete = await TriggersAsync();
        await shop.ExecuteAsync(change);
        Assert.That(await tools.DifferenceAsync(default), Has.Count.EqualTo(steps));

        await tools.InstallAsync(default);
        Assert.That(await tools.DifferenceAsync(default), Is.Empty);
        Assert.That(await TriggersAsync(), Is.EqualTo(complete));
        await shop.ExecuteAsync("DO $$ BEGIN IF to_regclass('shop.old') IS NOT NULL THEN DROP TABLE shop.prices; ALTER TABLE shop.old RENAME TO prices; END IF; END $$");
    }

    [Test]
    public async Task TwoMappingsMayWatchTheSameTables()
    {
        await using var services = ToolRegistration.BuildMappingTools(TestSettings.Of(shop.Settings, []));
        await using var others = ToolRegistration.BuildMappingTools(TestSettings.Of(shop.Settings, [("DB_SCHEMA", "other")]));
        var (tools, other) = (services.GetRequiredService<IMappingTools>(), others.GetRequiredService<IMappingTools>());
        await tools.InstallAsync(default);
        await other.InstallAsync(default);

        Assert.That(await tools.DifferenceAsync(default), Is.Empty);
        await shop.ExecuteAsync("UPDATE shop.products SET stock = stock");
        Assert.That(await shop.ScalarAsync<long>("SELECT (SELECT count(*) FROM product_cache.product_versions) * 10 + (SELECT count(*) FROM other.product_versions)"), Is.EqualTo(33));

        await other.RemoveAsync(default);
        Assert.That(await tools.DifferenceAsync(default), Is.Empty);
        Assert.That(await shop.ScalarAsync<bool>("SELECT to_regnamespace('other') IS NULL"), Is.True);
    }

    [Test]
    public async Task ASchemaOfAnotherOwnerIsUsedAndStays()
    {
        var role = $"installer_{Guid.NewGuid():N}"[..24];
        var owner = shop.Settings["DB_USER"];
        await shop.ExecuteAsync(
            $"""
            CREATE ROLE {role} LOGIN PASSWORD 'secret';
            GRANT USAGE ON SCHEMA shop TO {role};
            ALTER TABLE shop.products OWNER TO {role};
            ALTER TABLE shop.prices OWNER TO {role};
            CREATE SCHEMA given;
            GRANT USAGE, CREATE ON SCHEMA given TO {role};
            """);
        try
        {
            var before = await shop.CatalogueAsync();
            await using var services = ToolRegistration.BuildMappingTools(TestSettings.Of(shop.Settings, [("DB_SCHEMA", "given"), ("DB_USER", role), ("DB_PASSWORD", "secret")]));
            var tools = services.GetRequiredService<IMappingTools>();
            Assert.That((await tools.CheckAsync([], default)).Checks.Where(check => check.Result == CheckResult.Fault), Is.Empty);
            await tools.InstallAsync(default);
            Assert.That(await tools.DifferenceAsync(default), Is.Empty);

            await tools.RemoveAsync(default);
            Assert.That(await shop.CatalogueAsync(), Is.EqualTo(before));
        }
        finally
        {
            await shop.ExecuteAsync($"REASSIGN OWNED BY {role} TO {owner}; DROP OWNED BY {role} CASCADE; DROP ROLE {role}; DROP SCHEMA given CASCADE");
        }
    }

    [Test]
    public async Task InstallWaitsForAWriterAndTheWriterDoesNotFail()
    {
        await using var writer = await shop.DataSource.OpenConnectionAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        await ExecuteAsync(writer, "UPDATE shop.prices SET amount = amount WHERE id = 1");
        var install = RunAsync("install");
        await Eventually.TrueAsync(() => shop.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'shop.prices'::regclass)"));

        await ExecuteAsync(writer, "UPDATE shop.products SET stock = stock WHERE id = 1; UPDATE shop.prices SET amount = amount WHERE id = 1");
        await transaction.CommitAsync();

        Assert.That((await install).ExitCode, Is.Zero, (await install).Errors);
        Assert.That((await RunAsync("diff")).ExitCode, Is.Zero);
    }

    [Test]
    public async Task ARepairWaitsNeitherForReadersNorForWritersOfOtherTables()
    {
        await RunAsync("install");
        await shop.ExecuteAsync("ALTER TABLE shop.prices DISABLE TRIGGER USER");
        await using var writer = await shop.DataSource.OpenConnectionAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        await ExecuteAsync(writer, "UPDATE shop.products SET stock = stock WHERE id = 1; SELECT amount FROM shop.prices");

        var (exitCode, _, errors) = await RunAsync("install");

        Assert.That(exitCode, Is.Zero, errors);
        Assert.That((await RunAsync("diff")).ExitCode, Is.Zero);
    }

    // The last one: it waits for what has run beside the others.
    [Test]
    [Order(int.MaxValue)]
    public async Task InstallGivesUpIfTheTablesAreInUseAndTheWritersDoNotFail()
    {
        Assert.That(
            ((await installed).ExitCode, (await installed).Errors.Trim()),
            Is.EqualTo((3, "The tables of the mapping shop.sql are in use: their locks could not be had in 20 attempts of 500 ms, shop.prices the last time. Nothing was changed.")));
        Assert.That(await writers, Is.Null);
        Assert.That(await busy.ScalarAsync<bool>("SELECT to_regnamespace('product_cache') IS NULL AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgname LIKE 'product_cache%')"), Is.True);
    }

    [Test]
    public async Task AnExpressionThatFailsInTheTriggersIsNotInstalled()
    {
        var before = await shop.CatalogueAsync();
        await File.WriteAllTextAsync(shop.Mapping, Mapping.Replace("shop.prices (product_id)", "shop.prices (prices.product_id)", StringComparison.Ordinal));

        var (exitCode, _, errors) = await RunAsync("install");

        Assert.That((exitCode, errors), Is.EqualTo((3, errors)));
        Assert.That(errors, Does.StartWith("PostgreSQL refuses the objects of the mapping shop.sql: ").And.Contain("prices").And.Contain("Nothing was changed."));
        Assert.That(await shop.CatalogueAsync(), Is.EqualTo(before));
    }

    [Test]
    public async Task AVerbWithoutAMappingOrAServerSaysSoInOneSentence()
    {
        foreach (var verb in new[] { "check", "install", "diff", "remove" })
        {
            var (exitCode, output, errors) = await RunAsync(shop, [("PRODUCT_MAPPING", "")], verb);
            Assert.That((exitCode, output, errors.Trim()), Is.EqualTo((2, "", "PRODUCT_MAPPING is missing.")), verb);
        }

        var noServer = await RunAsync(shop, [("DB_PORT", $"{TestServer.FreePort()}")], "check");
        Assert.That((noServer.ExitCode, Lines(noServer.Errors).Count), Is.EqualTo((3, 1)), noServer.Errors);
        Assert.That(noServer.Errors, Does.StartWith("PostgreSQL at ").And.Contain("DB_HOST"));

        await File.WriteAllTextAsync(shop.Mapping, Mapping.Replace("-- id: bigint", "-- id: int", StringComparison.Ordinal));
        var wrong = await RunAsync("check");
        Assert.That((wrong.ExitCode, wrong.Errors.Trim()), Is.EqualTo((2, $"PRODUCT_MAPPING names {shop.Mapping}, which is no mapping. Line 1: the type of the ids must be bigint or uuid or text, not 'int'. The header names no type of the ids: -- id: bigint or uuid or text.")));
    }

    [Test]
    public async Task CheckEndsWithOneIfSomethingIsWrong()
    {
        var unknown = await RunAsync("check", "x");
        Assert.That((unknown.ExitCode, unknown.Output.Contains("'x' is not a product id", StringComparison.Ordinal)), Is.EqualTo((1, true)));

        await File.WriteAllTextAsync(shop.Mapping, Mapping.Replace("(product_id)", "(product)", StringComparison.Ordinal));
        var wrong = await RunAsync("check");
        Assert.That((wrong.ExitCode, wrong.Output.Contains("The expression (product) cannot be computed from a row of shop.prices", StringComparison.Ordinal)), Is.EqualTo((1, true)));
        var script = await RunAsync("check", "--sql");
        Assert.That((script.ExitCode, script.Output.Trim()), Is.EqualTo((1, string.Empty)));
        Assert.That(script.Errors, Does.StartWith("The expression (product) cannot be computed from a row of shop.prices"));
        var json = JsonDocument.Parse((await RunAsync("check", "--json")).Output);
        Assert.That(json.RootElement.GetProperty("checks").EnumerateArray().Count(check => check.GetProperty("result").GetString() == "fault"), Is.EqualTo(1));
    }

    private static List<string> Lines(string text) => [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static Task<CommandResult> RunAsync(Shop shop, (string Name, string Value)[] settings, params string[] arguments) => Command.RunAsync(
        ["dotnet", Program, "mapping", .. arguments],
        Eventually.Patience,
        configure: variables =>
        {
            foreach (var (name, value) in shop.Settings.Select(setting => (setting.Key, setting.Value)).Concat(settings))
            {
                variables[name] = value;
            }
        });

    private Task<CommandResult> RunAsync(params string[] arguments) => RunAsync(shop, [], arguments);

    /// <summary>Of ProductCache, on the tables of the shop.</summary>
    private async Task<List<string>> TriggersAsync()
    {
        var triggers = await shop.ScalarAsync<string>(
            "SELECT coalesce(string_agg(concat_ws(' ', tgname, tgenabled, tgrelid::regclass, tgfoid::regproc), E'\\n' ORDER BY tgname, tgrelid::regclass::text), '') FROM pg_trigger WHERE tgname LIKE 'product\\_cache\\_%'");
        return Lines(triggers);
    }

    // One writer keeps its transaction open, and others write.
    private async Task<Exception?> WriteUntilAsync(TaskCompletionSource locked, Func<bool> isDone)
    {
        try
        {
            await using var first = await busy.DataSource.OpenConnectionAsync();
            await using var transaction = await first.BeginTransactionAsync();
            await ExecuteAsync(first, "UPDATE shop.products SET stock = 5 WHERE id = 1");
            locked.SetResult();
            await Eventually.TrueAsync(async () =>
            {
                await ExecuteAsync(first, "UPDATE shop.prices SET amount = amount + 1 WHERE product_id = 1");
                await busy.ExecuteAsync("UPDATE shop.products SET stock = 7 WHERE id = 2; UPDATE shop.prices SET amount = amount + 1 WHERE product_id = 2");
                return isDone();
            });
            await transaction.CommitAsync();
            return null;
        }
        catch (Exception exception)
        {
            locked.TrySetResult();
            return exception;
        }
    }
}
