using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using ProductCache.Application;
using ProductCache.Infrastructure.Tools;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Mappings;

/// <summary>mapping check says in a sentence what is wrong, and changes nothing.</summary>
public sealed class MappingCheckTests
{
    private const string Tables =
        """
        CREATE SCHEMA shop;
        CREATE TABLE shop.products (id bigint PRIMARY KEY, title text, price numeric, sku text UNIQUE, number int, ids bigint[]);
        INSERT INTO shop.products (id, title, price, sku, number) VALUES (1, 'Tea', 3.5, 'tea', 1), (2, 'Coffee', 4, 'coffee', 2), (3, 'Mate', 0, 'mate', 3);
        CREATE TABLE shop.prices (product_id bigint REFERENCES shop.products (id), amount numeric);
        INSERT INTO shop.prices VALUES (1, 1), (2, 2), (3, 3);
        CREATE INDEX ON shop.prices (product_id);
        CREATE TABLE shop.log (entry text);
        CREATE FUNCTION shop.logged(entry text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.log VALUES (entry); RETURN entry; END $$;
        CREATE FUNCTION shop.logged_key(entry text) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM shop.logged(entry); RETURN 1; END $$;
        CREATE FUNCTION public.key_of(sku text) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
        CREATE TABLE shop.parted (id bigint, part int) PARTITION BY LIST (part);
        CREATE TABLE shop.part PARTITION OF shop.parted FOR VALUES IN (1);
        CREATE TABLE shop.parent (id bigint);
        CREATE TABLE shop.child () INHERITS (shop.parent);
        CREATE VIEW shop.seen AS SELECT id FROM shop.products;
        CREATE MATERIALIZED VIEW shop.stored AS SELECT id FROM shop.products;
        CREATE SEQUENCE shop.numbers;
        CREATE TABLE shop.unindexed (id bigint, title text);
        CREATE TABLE shop.long (id text PRIMARY KEY);
        INSERT INTO shop.long VALUES (repeat('x', 201)), ('short');
        """;

    // Only where the distribution of the server has it.
    private const string ForeignTable =
        """
        DO $$ BEGIN
          IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'file_fdw') THEN
            CREATE EXTENSION file_fdw;
            CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
            CREATE FOREIGN TABLE shop.elsewhere (id bigint) SERVER files OPTIONS (filename '/dev/null');
          END IF;
        END $$;
        """;

    private const string Watch = "-- watch: shop.products (id)";
    private const string Header = $"-- id: bigint\n{Watch}\n-- list: select id, title as search from shop.products\n";
    private const string Body = $"{Title} as body";
    private const string Title = "jsonb_build_object('title', title)";
    private const string From = "from shop.products where id = any(@ids)";

    private readonly string folder = Directory.CreateTempSubdirectory("mapping-check-").FullName;
    private Shop shop = null!;
    private string before = null!;

    [OneTimeSetUp]
    public async Task CreateAsync()
    {
        shop = await Shop.CreateAsync(Tables, string.Empty);
        await shop.ExecuteAsync(ForeignTable);
        before = await shop.CatalogueAsync();
    }

    [OneTimeTearDown]
    public async Task DropAsync()
    {
        Directory.Delete(folder, recursive: true);
        await shop.DisposeAsync();
    }

    [TearDown]
    public async Task NothingHasChangedAsync()
    {
        Assert.That(await shop.ScalarAsync<long>("SELECT count(*) FROM shop.log"), Is.Zero);
        Assert.That(await shop.CatalogueAsync(), Is.EqualTo(before));
    }

    [Test]
    public async Task AMappingThatFitsHasNoFault()
    {
        var report = await CheckAsync($"{Header}select id, {Body} {From}");

        Assert.That(FaultsOf(report), Is.Empty);
        Assert.That(report.Products.Select(product => product.Body), Is.EqualTo(new[] { """{"title":"Tea"}""", """{"title":"Coffee"}""", """{"title":"Mate"}""" }));
    }

    [TestCase("shop.nothing (id)", "The table shop.nothing does not exist.")]
    [TestCase("""shop."Products" (id)""", """The table shop."Products" does not exist.""")]
    [TestCase("shop.products (nokey)", """The expression (nokey) cannot be computed from a row of shop.products: column "nokey" does not exist (SQLSTATE 42703).""")]
    [TestCase("shop.products (products.id)", "The expression (products.id) cannot be computed from a row of shop.products: ")]
    [TestCase("shop.products (key_of(sku))", "The expression (key_of(sku)) cannot be computed from a row of shop.products: function key_of(text) does not exist (SQLSTATE 42883).")]
    [TestCase("shop.products (id, number)", "The expression (id, number) cannot be computed from a row of shop.products: cannot cast type record to bigint (SQLSTATE 42846).")]
    [TestCase("shop.products (shop.logged_key('x'))", "The expression (shop.logged_key('x')) cannot be computed from a row of shop.products: cannot execute INSERT in a read-only transaction (SQLSTATE 25006).")]
    [TestCase("shop.products (price)", "The expression (price) of shop.products gives numeric, but the ids are bigint.")]
    [TestCase("shop.parted (id)", "shop.parted is partitioned: a row that is written to a partition fires no trigger of the table.")]
    [TestCase("shop.part (id)", "shop.part is a partition: rows of the table that move to another partition are not seen.")]
    [TestCase("shop.parent (id)", "shop.parent is part of an inheritance: rows of the other tables are not seen.")]
    [TestCase("shop.child (id)", "shop.child is part of an inheritance: rows of the other tables are not seen.")]
    [TestCase("shop.seen (id)", "shop.seen is a view: its rows have no triggers. Watch the tables that it reads.")]
    [TestCase("shop.stored (id)", "shop.stored is a materialized view: it changes only when it is refreshed. Watch the tables that it reads.")]
    [TestCase("shop.numbers (last_value)", "shop.numbers is not a table.")]
    [TestCase("pg_catalog.pg_class (relpages)", "pg_catalog.pg_class is a table of the system, which fires no triggers.")]
    [TestCase("shop.products (number) -> select product_id from shop.prices where sku = any(@keys)", """The SELECT behind shop.products fails: column "sku" does not exist (SQLSTATE 42703).""")]
    [TestCase("shop.products (sku) -> select product_id from shop.prices where product_id = any(@keys)", "The SELECT behind shop.products fails: operator does not exist: bigint = text (SQLSTATE 42883).")]
    [TestCase("shop.products (id) -> select product_id, amount from shop.prices where product_id = any(@keys)", "The SELECT behind shop.products gives 2 columns instead of one, the ids of the products.")]
    [TestCase("shop.products (id) -> select amount from shop.prices where product_id = any(@keys)", "The SELECT behind shop.products gives numeric, but the ids are bigint.")]
    [TestCase("shop.products (id, sku) -> select product_id from shop.prices where (product_id, 1) = any(@keys)", "The expression (id, sku) of shop.products gives several columns instead of one key.")]
    [TestCase("shop.products (id) -> select shop.logged_key('x') from shop.prices where product_id = any(@keys)", "The SELECT behind shop.products fails: cannot execute INSERT in a read-only transaction (SQLSTATE 25006).")]
    public async Task AWatchThatCannotWorkIsNamed(string watch, string sentence) =>
        Assert.That(FaultsOf(await CheckAsync($"{Header}-- watch: {watch}\nselect id, {Body} {From}")), Has.Some.StartsWith(sentence));

    [Test]
    public async Task AForeignTableCannotBeWatched()
    {
        if (await shop.ScalarAsync<bool>("SELECT to_regclass('shop.elsewhere') IS NULL"))
        {
            Assert.Ignore("The server has no file_fdw.");
        }

        Assert.That(FaultsOf(await CheckAsync($"{Header}-- watch: shop.elsewhere (id)\nselect id, {Body} {From}")), Is.EqualTo(new[] { "shop.elsewhere is a foreign table: changes on its server are not seen here." }));
    }

    [Test]
    public async Task ATemporaryTableCannotBeWatched()
    {
        await using var session = await shop.DataSource.OpenConnectionAsync();
        await using var create = new NpgsqlCommand("CREATE TEMPORARY TABLE mine (id bigint); SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'mine'::regclass", session);
        var schema = await create.ExecuteScalarAsync();

        Assert.That(FaultsOf(await CheckAsync($"{Header}-- watch: {schema}.mine (id)\nselect id, {Body} {From}")), Is.EqualTo(new[] { $"{schema}.mine is temporary: it ends with its session." }));
        await using var drop = new NpgsqlCommand("DROP TABLE mine", session);
        await drop.ExecuteNonQueryAsync();
    }

    [TestCase($"select title, {Body} {From}", "The SELECT gives no column id.")]
    [TestCase($"select id, title {From}", "The SELECT gives no column body.")]
    [TestCase($"select id, title as body {From}", "The column body is text, not jsonb or json.")]
    [TestCase($"select id, id, {Body} {From}", "The SELECT gives two columns with the name id.")]
    [TestCase($"select id, {Body}, price {From}", "The SELECT gives a column price. It may give id, body, valid_until, tags and fault.")]
    [TestCase($"select sku as id, {Body} {From}", "The column id gives text, but the ids are bigint.")]
    [TestCase($"select id, {Body}, now()::timestamp as valid_until {From}", "The column valid_until is timestamp without time zone, not timestamp with time zone.")]
    [TestCase($"select id, {Body}, 'a'::text as tags {From}", "The column tags is text, not text[].")]
    [TestCase($"select id, {Body}, true as fault {From}", "The column fault is boolean, not text.")]
    [TestCase($"select id, {Body} from shop.product where id = any(@ids)", """PostgreSQL refuses the SELECT: relation "shop.product" does not exist (SQLSTATE 42P01).""")]
    [TestCase($"select id, {Body} {From} for update", "PostgreSQL refuses the SELECT: cannot execute SELECT FOR UPDATE in a read-only transaction (SQLSTATE 25006).")]
    [TestCase($"select shop.logged_key('x') as id, {Body} {From}", "PostgreSQL refuses the SELECT: cannot execute INSERT in a read-only transaction (SQLSTATE 25006).")]
    public async Task ASelectThatGivesNoProductsIsNamed(string select, string sentence) => Assert.That(FaultsOf(await CheckAsync(Header + select)), Is.EqualTo(new[] { sentence }));

    [Test]
    public async Task ANumberIsNoIdOfTheTypeText()
    {
        var report = await CheckAsync($"-- id: text\n-- watch: shop.products (sku)\nselect number as id, {Body} from shop.products where sku = any(@ids)");

        Assert.That(FaultsOf(report), Is.EqualTo(new[] { "The column id gives integer, but the ids are text." }));
    }

    [TestCase($"select id, {Body} {From} union all select id, {Body} from shop.products where id = 2 and id = any(@ids)", "The SELECT of the mapping gives the product twice.")]
    [TestCase($"select id, case when id = 2 then '[1]'::jsonb else {Title} end as body {From}", "The body is not a JSON object.")]
    [TestCase($"select id, case when id = 2 then 'null'::jsonb else {Title} end as body {From}", "The body is not a JSON object.")]
    [TestCase("select id, jsonb_build_object('title', repeat('x', case when id = 2 then 1048576 else 1 end)) as body " + From, "The body has 1048588 bytes, more than 1048576.")]
    [TestCase("select id, jsonb_build_object('price', 1 / (number - 2)) as body " + From, "PostgreSQL cannot read the row: division by zero (SQLSTATE 22012)")]
    [TestCase("select id, jsonb_build_object('title', case when id = 2 then shop.logged(title) end) as body " + From, "PostgreSQL cannot read the row: cannot execute INSERT in a read-only transaction (SQLSTATE 25006)")]
    [TestCase($"select id, {Body}, case when id = 2 then 'The price is missing.' end as fault {From}", "The price is missing.")]
    [TestCase($"select id, {Body}, case when id = 2 then array['a b'] end as tags {From}", "The tags are not at most 16 texts of visible ASCII characters without commas, of 1024 bytes together.")]
    [TestCase($"select id, {Body}, case when id = 2 then array[array['a'], array['b']] end as tags {From}", "The tags are a list of lists.")]
    public async Task AProductThatCannotBeServedIsNamedAndTheOthersAreShown(string select, string reason)
    {
        var report = await CheckAsync(Header + select);

        Assert.That(FaultsOf(report), Is.EqualTo(new[] { $"Product 2 cannot be served: {reason}" }));
        Assert.That(report.Products.Select(product => product.Body is not null), Is.EqualTo(new[] { true, false, true }));
    }

    [Test]
    public async Task ANumberThatJsonDoesNotHaveIsShownAsTheTextThatReadersGet()
    {
        var report = await CheckAsync($"{Header}select id, jsonb_build_object('price', case id when 1 then 'NaN'::numeric when 2 then 'infinity' else '-infinity' end) as body {From}");

        Assert.That(FaultsOf(report), Is.Empty);
        Assert.That(report.Products.Select(product => product.Body), Is.EqualTo(new[] { """{"price":"NaN"}""", """{"price":"Infinity"}""", """{"price":"-Infinity"}""" }));
    }

    [TestCase("timestamptz 'infinity'", null)]
    [TestCase("timestamptz '294000-01-01 00:00 UTC'", null)]
    [TestCase("timestamptz '-infinity'", 0)]
    [TestCase("timestamptz '4000-01-01 00:00 UTC BC'", 0)]
    [TestCase("now() + interval '90 s'", 90)]
    [TestCase("null::timestamptz", null)]
    public async Task EveryTimeOfPostgreSqlIsAnEndOfTheBody(string time, int? seconds)
    {
        var report = await CheckAsync($"{Header}select id, {Body}, {time} as valid_until {From}", "1");

        Assert.That(FaultsOf(report), Is.Empty);
        Assert.That(report.Products.Single().ValidFor, Is.EqualTo(seconds is { } expected ? TimeSpan.FromSeconds(expected) : (TimeSpan?)null));
    }

    [Test]
    public async Task AnIdThatIsNoneIsNamed()
    {
        const string mapping = "-- id: text\n-- watch: shop.long (id)\n-- list: select id, id as search from shop.long\nselect id, jsonb_build_object('id', id) as body from shop.long where id = any(@ids)";
        const string rule = "a text of 1 to 200 characters, without control characters and without white space at its ends, and not . or ..";

        var listed = await CheckAsync(mapping);
        Assert.That(FaultsOf(listed), Is.Empty);
        Assert.That(listed.Products.Select(product => product.Id), Is.EqualTo(new[] { "short" }));
        Assert.That(listed.Checks.Where(check => check.Result == CheckResult.Warning).Select(check => check.Text), Has.Some.EqualTo($"The list gives '{new string('x', 50)}', which is not {rule}: such products are left out."));

        Assert.That(FaultsOf(await CheckAsync(mapping, new string('x', 201))), Is.EqualTo(new[] { $"'{new string('x', 201)}' is not a product id: {rule}." }));
        Assert.That(FaultsOf(await CheckAsync($"{Header}select id, {Body} {From}", "01", "x")), Has.Count.EqualTo(2));
    }

    [Test]
    public async Task ANameThatIsGivenTwiceIsOneProduct() => Assert.That(FaultsOf(await CheckAsync($"{Header}select id, {Body} {From}", "1", "1")), Is.Empty);

    [Test]
    public async Task ATableThatIsReadAsAWholeIsNamed()
    {
        var report = await CheckAsync($"-- id: bigint\n-- watch: shop.unindexed (id)\n-- list: select id from shop.unindexed\nselect id, {Body} from shop.unindexed where id = any(@ids)");

        Assert.That(
            FaultsOf(report), Is.EqualTo(new[] { """The SELECT reads the whole table "shop"."unindexed" for each list of ids: it has no index that leads from an id to its rows.""" }));
    }

    [TestCase("select title from shop.products", "The list gives no column id.")]
    [TestCase("select id, title as search from shop.nothing", """The list fails: relation "shop.nothing" does not exist (SQLSTATE 42P01).""")]
    [TestCase("select id, 1 / (number - 2) as search from shop.products", "The list fails: ")]
    [TestCase("select shop.logged_key('x') as id, title as search from shop.products", "The list fails: cannot execute INSERT in a read-only transaction (SQLSTATE 25006).")]
    public async Task AListThatFailsIsNamed(string list, string sentence) =>
        Assert.That(FaultsOf(await CheckAsync($"-- id: bigint\n{Watch}\n-- list: {list}\nselect id, {Body} {From}")).Single(), Does.StartWith(sentence));

    [TestCase("-- list: select id from shop.products\n", "Products can be listed, but not searched (q): the list gives no column search.")]
    [TestCase("", "The mapping declares no list, so products cannot be listed, searched and warmed.")]
    public async Task WhatAListLacksIsNoFault(string list, string sentence)
    {
        var report = await CheckAsync($"-- id: bigint\n{Watch}\n{list}select id, {Body} {From}");

        Assert.That(FaultsOf(report), Is.Empty);
        Assert.That(report.Checks.Where(check => check.Result == CheckResult.Warning).Select(check => check.Text), Has.Some.EqualTo(sentence));
    }

    [Test]
    public async Task ACommentAtTheEndOfTheSelectIsNoFault() => Assert.That(FaultsOf(await CheckAsync($"{Header}select id, {Body} {From} -- all of them\n")), Is.Empty);

    [TestCase("", "The user may not see shop.products: permission denied for schema shop (SQLSTATE 42501).")]
    [TestCase("GRANT USAGE ON SCHEMA shop TO {role}; GRANT TRIGGER ON shop.products TO {role}", "The user may not read shop.products.")]
    [TestCase("GRANT USAGE ON SCHEMA shop TO {role}; GRANT SELECT ON shop.products TO {role}", "The user may not create triggers on shop.products.")]
    [TestCase("GRANT USAGE ON SCHEMA shop TO {role}; GRANT ALL ON shop.products TO {role}", "The user does not own shop.products, so it may not enable and remove triggers on it.")]
    [TestCase("GRANT USAGE ON SCHEMA shop TO {role}; ALTER TABLE shop.products OWNER TO {role}", "The user may not create tables in the schema product_cache.")]
    [TestCase("GRANT USAGE ON SCHEMA shop TO {role}; ALTER TABLE shop.products OWNER TO {role}; GRANT CREATE ON DATABASE {database} TO {role}", null)]
    [TestCase("GRANT USAGE ON SCHEMA shop TO {role}; ALTER TABLE shop.products OWNER TO {role}; CREATE SCHEMA product_cache; GRANT USAGE, CREATE ON SCHEMA product_cache TO {role}", null)]
    public async Task AMissingRightIsNamed(string grants, string? sentence)
    {
        var role = $"checker_{Guid.NewGuid():N}";
        var owner = new NpgsqlConnectionStringBuilder(shop.ConnectionString).Username;
        await shop.ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD 'secret'");
        try
        {
            await shop.ExecuteAsync($"SELECT; {grants.Replace("{role}", role, StringComparison.Ordinal).Replace("{database}", shop.Name, StringComparison.Ordinal)}");

            var report = await CheckAsync(
                $"-- id: bigint\n{Watch}\n-- list: select id, title as search from shop.products\nselect id, {Body} {From}", [], ("DB_USER", role), ("DB_PASSWORD", "secret"));

            Assert.That(FaultsOf(report), Is.EqualTo(sentence is null ? [] : new[] { sentence }));
        }
        finally
        {
            await shop.ExecuteAsync($"ALTER TABLE shop.products OWNER TO {owner}; DROP OWNED BY {role} CASCADE; DROP ROLE {role}; DROP SCHEMA IF EXISTS product_cache");
            await shop.ExecuteAsync("UPDATE pg_namespace SET nspacl = NULL WHERE nspname = 'shop'; UPDATE pg_class SET relacl = NULL WHERE oid = 'shop.products'::regclass");
        }
    }

    private static List<string> FaultsOf(MappingReport report) => [.. report.Checks.Where(check => check.Result == CheckResult.Fault).Select(check => check.Text)];

    private Task<MappingReport> CheckAsync(string mapping, params string[] ids) => CheckAsync(mapping, ids, []);

    private async Task<MappingReport> CheckAsync(string mapping, string[] ids, params (string Key, string Value)[] settings)
    {
        var file = Path.Combine(folder, "shop.sql");
        await File.WriteAllTextAsync(file, mapping);
        await using var services = ToolRegistration.BuildMappingTools(TestSettings.Of(shop.Settings, [("PRODUCT_MAPPING", file), .. settings]));
        return await services.GetRequiredService<IMappingTools>().CheckAsync(ids, default);
    }
}
