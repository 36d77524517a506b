using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.UnitTests.Infrastructure;

/// <summary>The notation of docs/your-own-tables.md.</summary>
public sealed class ProductMappingTests
{
    private const string Select = "select id, body from shop.products where id = any(@ids)";
    private const string Header = "-- id: bigint\n-- watch: shop.products (id)\n";

    [Test]
    public void AMappingHasWhatItsFileSays()
    {
        var mapping = Parse(
            """
            -- Products of the shop.
            --
            -- id: text
            -- watch: shop.products (sku)
            -- watch: shop.categories (id) -> select pc.sku from shop.product_categories as pc
            --    where pc.category_id = any(@keys)
            --    and pc.sku is not null
            -- list: select sku as id, title as search
            --    from shop.products
            -- accepts: 00000000000000ff
            -- accepts: FFFFFFFFFFFFFFFE
            -- The SELECT follows.

            with wanted as (select unnest(@ids) as sku)
              -- a comment of the SELECT
            select sku as id, body from wanted join shop.products using (sku)
            """);

        Assert.That((mapping.Name, mapping.IdType, mapping.IsBuiltIn, mapping.Schema), Is.EqualTo(("shop.sql", ProductIdType.Text, false, (string?)null)));
        Assert.That(mapping.Watches, Is.EqualTo(new[]
        {
            new Watch("shop.products", "sku", null),
            new Watch("shop.categories", "id", "select pc.sku from shop.product_categories as pc where pc.category_id = any(@keys) and pc.sku is not null"),
        }));
        Assert.That(mapping.List, Is.EqualTo("select sku as id, title as search from shop.products"));
        Assert.That(mapping.Select, Does.StartWith("with wanted").And.EndWith("using (sku)").And.Contain("  -- a comment"));
        foreach (var number in (long[])[mapping.Format.Mapping, 0xff, -2])
        {
            Assert.That(mapping.Format.Reads(CachedProduct.Absent(default, default, EntryFormat.OfMapping(number)).Payload), Is.True);
        }

        Assert.That(mapping.Format.Reads(CachedProduct.Absent(default, default, EntryFormat.OfMapping(0xfe)).Payload), Is.False);
    }

    [TestCase("bigint")]
    [TestCase("uuid")]
    [TestCase("text")]
    public void TheIdsHaveOneOfThreeTypes(string type) => Assert.That(Parse($"-- id: {type}\n-- watch: shop.t (id)\n{Select}").IdType.Name, Is.EqualTo(type));

    [TestCase("""shop."Products" ("Id")""", """shop."Products" """, "\"Id\"", null)]
    [TestCase("""shop . x (id)""", null, null, null)]
    [TestCase(""" "My Shop"."A (b) -> c" (id)""", "\"My Shop\".\"A (b) -> c\"", "id", null)]
    [TestCase("größe.artikel_1$ ( id )", "größe.artikel_1$", "id", null)]
    [TestCase("shop.t(id)", "shop.t", "id", null)]
    [TestCase("shop.t (lower(sku))", "shop.t", "lower(sku)", null)]
    [TestCase("shop.t ((a).b)", "shop.t", "(a).b", null)]
    [TestCase("shop.t (data->>'product')", "shop.t", "data->>'product'", null)]
    [TestCase("shop.t ((data -> 'product' ->> 'id')::bigint)", "shop.t", "(data -> 'product' ->> 'id')::bigint", null)]
    [TestCase("shop.t (data #>> '{a,b}')", "shop.t", "data #>> '{a,b}'", null)]
    [TestCase("shop.t (case when sku = ')' then null else sku end)", "shop.t", "case when sku = ')' then null else sku end", null)]
    [TestCase("shop.t (id) -> select p from shop.p where (k, 1) = any(@keys)", "shop.t", "id", "select p from shop.p where (k, 1) = any(@keys)")]
    [TestCase("shop.t (f(id))->SELECT p FROM shop.p WHERE k = any(@keys)", "shop.t", "f(id)", "SELECT p FROM shop.p WHERE k = any(@keys)")]
    [TestCase("shop.t (data -> 'k' ->> 'id') -> select data ->> 'p' from shop.p where k = any(@keys)", "shop.t", "data -> 'k' ->> 'id'", "select data ->> 'p' from shop.p where k = any(@keys)")]
    public void AWatchHasATableAnExpressionAndPerhapsAnExpansion(string watch, string? table, string? expression, string? expansion)
    {
        if (table is null)
        {
            Assert.That(FaultsOf($"-- id: bigint\n-- watch: {watch}\n{Select}"), Is.Not.Empty);
            return;
        }

        Assert.That(Parse($"-- id: bigint\n-- watch: {watch.Trim()}\n{Select}").Watches, Is.EqualTo(new[] { new Watch(table.Trim(), expression!, expansion) }));
    }

    [TestCase("shop.t")]
    [TestCase("products (id)", Description = "Triggers have no search path.")]
    [TestCase("shop.t id")]
    [TestCase("shop.t ()")]
    [TestCase("shop.t (id")]
    [TestCase("shop.t (id) and more")]
    [TestCase("shop.t (id) (id)")]
    [TestCase("shop.t (id))")]
    [TestCase("shop.t ('a)")]
    [TestCase("shop.t (id) -> update shop.p set k = (1)")]
    [TestCase("shop.t (id) -> ")]
    [TestCase("a.b.c (id)")]
    public void AnotherTextIsNoWatch(string watch) => Assert.That(FaultsOf($"{Header}-- watch: {watch}\n{Select}"), Is.EqualTo(new[]
    {
        $"Line 3: a watch is 'schema.table (expression)', or 'schema.table (key) -> select … @keys …', not '{watch.Trim()}'.",
    }));

    [TestCase("-- id: int\n-- watch: shop.t (id)\n", "Line 1: the type of the ids must be bigint or uuid or text, not 'int'.|The header names no type of the ids: -- id: bigint or uuid or text.")]
    [TestCase("-- watch: shop.t (id)\n", "The header names no type of the ids: -- id: bigint or uuid or text.")]
    [TestCase("-- id: bigint\n", "The header watches no table: -- watch: schema.table (id).")]
    [TestCase($"{Header}-- id: bigint\n", "Line 3: the header has the key 'id' twice.")]
    [TestCase($"{Header}-- list: select id from a\n-- list: select id from b\n", "Line 4: the header has the key 'list' twice.")]
    [TestCase($"{Header}-- list: shop.products\n", "Line 3: a list is one SELECT without a semicolon, with a column id and optionally a column search.")]
    [TestCase($"{Header}-- list: select id from a; drop table a\n", "Line 3: a list is one SELECT without a semicolon, with a column id and optionally a column search.")]
    [TestCase($"{Header}-- watch: shop.c (id) -> select p from shop.p\n", "Line 3: the SELECT after -> does not use @keys.")]
    [TestCase($"{Header}-- watch: shop.c (id) -> select p from shop.p where k = any(@keys);\n", "Line 3: a watch has no semicolon.")]
    [TestCase($"{Header}-- watch: shop.c (id; id)\n", "Line 3: a watch has no semicolon.")]
    [TestCase($"{Header}-- accepts: 1\n", "Line 3: accepts names the number of another mapping, 16 hexadecimal digits, not '1'.")]
    [TestCase($"{Header}-- accepts: 0000000000000000\n", "Line 3: accepts names the number of another mapping, 16 hexadecimal digits, not '0000000000000000'.")]
    [TestCase($"{Header}-- accepts: 0x00000000000001\n", "Line 3: accepts names the number of another mapping, 16 hexadecimal digits, not '0x00000000000001'.")]
    [TestCase($"{Header}-- accepts:  000000000000001g\n", "Line 3: accepts names the number of another mapping, 16 hexadecimal digits, not '000000000000001g'.")]
    [TestCase($"{Header}-- todo: prices\n", "Line 3: the header has no key 'todo', only id, watch, list and accepts. A comment must not begin with a word and a colon in lower case.")]
    [TestCase($"{Header}\n\n-- watch: x\n", "Line 5: a watch is 'schema.table (expression)', or 'schema.table (key) -> select … @keys …', not 'x'.")]
    public void AWrongHeaderIsNamedWithItsLine(string header, string sentences) => Assert.That(FaultsOf(header + Select), Is.EqualTo(sentences.Split('|')));

    // A watch that is taken for a comment would be missing without a word.
    [TestCase("-- Watch: shop.c (id)", "watch")]
    [TestCase("-- watch:shop.c (id)", "watch")]
    [TestCase("-- watch : shop.c (id)", "watch")]
    [TestCase("--  watch: shop.c (id)", "watch")]
    [TestCase("-- LIST: select id from a", "list")]
    [TestCase("-- list:", "list")]
    [TestCase("-- Accepts: 00000000000000ff", "accepts")]
    public void WhatIsAlmostALineOfTheHeaderIsNoComment(string line, string key) => Assert.That(
        FaultsOf($"{Header}{line}\n{Select}"), Is.EqualTo(new[] { $"Line 3: a line of the header is '-- {key}: …', in lower case and with a space before the key and after the colon." }));

    [TestCase("-- Products: all of them")]
    [TestCase("-- The id is that of the shop: see below")]
    [TestCase("--")]
    [TestCase("")]
    [TestCase("--   indented, after a comment")]
    public void OtherCommentsAreAllowed(string line) => Assert.That(Parse($"-- A comment\n{line}\n{Header}-- A comment\n{line}\n{Select}").Watches, Has.Count.EqualTo(1));

    [Test]
    public void AHeaderBehindTheBeginOfTheSelectIsNamed() => Assert.That(
        FaultsOf($"{Header}select id, body\n-- watch: shop.c (id)\nfrom shop.products where id = any(@ids)"), Is.EqualTo(new[] { "Line 4: the header ends where the SELECT begins." }));

    [TestCase("", "After the header, the file must have one SELECT.")]
    [TestCase("delete from shop.products where id = any(@ids)", "After the header, the file must have one SELECT.")]
    [TestCase("/* all */ select id from shop.products where id = any(@ids)", "After the header, the file must have one SELECT.")]
    [TestCase("select id, body from shop.products", "The SELECT does not use @ids, so it would read all products each time.")]
    [TestCase($"{Select};", "The SELECT has a semicolon: the file has one statement, and no semicolon at its end.")]
    [TestCase($"{Select};\ndrop table shop.products", "The SELECT has a semicolon: the file has one statement, and no semicolon at its end.")]
    public void AFileWithoutOneSelectIsRefused(string select, string sentence) => Assert.That(FaultsOf(Header + select), Is.EqualTo(new[] { sentence }));

    [Test]
    public void AllFaultsAreNamedAtOnce() => Assert.That(FaultsOf("-- id: int\n-- watch: x\n-- list: x\nselect 1;"), Has.Count.EqualTo(7));

    [Test]
    public void AtMost64TablesAreWatched()
    {
        static string WatchesOf(int count) => string.Concat(Enumerable.Range(1, count).Select(i => $"-- watch: shop.t{i} (id)\n"));

        Assert.That(Parse($"-- id: bigint\n{WatchesOf(64)}{Select}").Watches, Has.Count.EqualTo(64));
        foreach (var count in (int[])[65, 70])
        {
            Assert.That(FaultsOf($"-- id: bigint\n{WatchesOf(count)}{Select}"), Is.EqualTo(new[] { "The header watches more than 64 tables." }));
        }
    }

    [TestCase($"-- id: text\n-- watch: shop.products (id)\n{Select}", Description = "the type of the ids")]
    [TestCase($"{Header}{Select} and true", Description = "the SELECT")]
    [TestCase($"{Header}select id,  body from shop.products where id = any(@ids)", Description = "a space in the SELECT")]
    public void TheNumberChangesWithTheSelectAndTheTypeOfTheIds(string text) => Assert.That(Parse(text).Format.Mapping, Is.Not.EqualTo(Parse(Header + Select).Format.Mapping));

    [TestCase($"-- Another comment\n{Header}{Select}")]
    [TestCase($"{Header}-- watch: shop.prices (product)\n{Select}")]
    [TestCase($"{Header}-- list: select id from shop.products\n{Select}")]
    [TestCase($"{Header}-- accepts: 00000000000000ff\n{Select}")]
    [TestCase($"{Header}\n\n{Select}\n\n")]
    [TestCase("-- id: bigint\r\n-- watch: shop.products (id)\r\nselect id, body from shop.products where id = any(@ids)  \r\n")]
    public void TheNumberChangesWithNothingElse(string text) => Assert.That(Parse(text).Format.Mapping, Is.EqualTo(Parse(Header + Select).Format.Mapping));

    [Test]
    public void TheNumberIsKnownToEveryRelease()
    {
        // Entries in Redis have it: another one makes all of them misses.
        Assert.That(ProductMapping.TextOf(Parse(Header + Select).Format.Mapping), Is.EqualTo("1ce469e6a269a90e"));
        Assert.That(ProductMapping.TextOf(-2), Is.EqualTo("fffffffffffffffe"));
    }

    [Test]
    public void ASchemaChangesNothingElse()
    {
        var mapping = Parse($"{Header}-- list: select id from shop.products\n{Select}");
        var with = mapping.WithSchema("{}");

        Assert.That((with.Schema, with.List, with.Select, with.Name, with.Format), Is.EqualTo(("{}", mapping.List, mapping.Select, mapping.Name, mapping.Format)));
        Assert.That(with.Watches, Is.EqualTo(mapping.Watches));
    }

    [Test]
    public void TheBuiltInTableIsAMappingWithoutWatches()
    {
        Assert.That((ProductMapping.BuiltIn.IsBuiltIn, ProductMapping.BuiltIn.IdType), Is.EqualTo((true, ProductIdType.Bigint)));
        Assert.That(ProductMapping.BuiltIn.Watches, Is.Empty);
    }

    private static ProductMapping Parse(string text)
    {
        var isMapping = ProductMapping.TryParse("shop.sql", text, out var mapping, out var faults);
        Assert.That((isMapping, string.Join(' ', faults)), Is.EqualTo((true, string.Empty)));
        return mapping!;
    }

    private static IReadOnlyList<string> FaultsOf(string text)
    {
        Assert.That(ProductMapping.TryParse("shop.sql", text, out _, out var faults), Is.False);
        return faults;
    }
}
