using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Npgsql;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Mappings;

/// <summary>A running service on a small shop with texts for ids, prices that begin, and groups with many items.</summary>
public sealed class MappedProductsTests
{
    private const string Tables =
        """
        CREATE SCHEMA shop;
        CREATE TABLE shop.items (sku text PRIMARY KEY, title text NOT NULL, hidden boolean NOT NULL DEFAULT false);
        CREATE TABLE shop.prices (sku text NOT NULL, amount numeric NOT NULL, valid_from timestamptz NOT NULL, PRIMARY KEY (sku, valid_from));
        CREATE TABLE shop.groups (id int PRIMARY KEY, name text NOT NULL);
        CREATE TABLE shop.item_groups (sku text NOT NULL, group_id int NOT NULL, PRIMARY KEY (sku, group_id));
        CREATE INDEX ON shop.item_groups (group_id);
        """;

    private const string Mapping =
        """
        -- id: text
        -- watch: shop.items (sku)
        -- watch: shop.prices (sku)
        -- watch: shop.item_groups (sku)
        -- watch: shop.groups (id) -> select sku from shop.item_groups where group_id = any(@keys)
        -- list: select sku as id, title as search from shop.items
        select i.sku as id,
               case when not i.hidden then jsonb_build_object(
                 'sku', i.sku,
                 'title', i.title,
                 'price', (select p.amount from shop.prices as p where p.sku = i.sku and p.valid_from <= now() order by p.valid_from desc limit 1),
                 'groups', (select coalesce(jsonb_agg(g.name order by g.id), '[]') from shop.item_groups as ig join shop.groups as g on g.id = ig.group_id where ig.sku = i.sku))
               end as body,
               (select min(p.valid_from) from shop.prices as p where p.sku = i.sku and p.valid_from > now()) as valid_until,
               array['group-' || (select min(group_id) from shop.item_groups as ig where ig.sku = i.sku)] as tags
        from shop.items as i where i.sku = any(@ids)
        """;

    private static readonly string[] OddIds = ["chair 1/€ 50%@de-CH", "a,b", "{x}", "ümläut", "42", "0042", "+1", "a&b=c?d#e", "'quoted\"", "100%25", "😀"];

    private Shop shop = null!;
    private RunningService service = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        shop = await Shop.CreateAsync(Tables, Mapping);
        service = await shop.StartAsync(("API_CACHE_CONTROL", "max-age=600"));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await service.DisposeAsync();
        await shop.DisposeAsync();
    }

    [Test]
    public async Task APriceThatBeginsIsServedFromThenOnAndTheOldOneNotBeyond()
    {
        await shop.ExecuteAsync(
            "INSERT INTO shop.items VALUES ('sale', 'Lamp'); INSERT INTO shop.prices VALUES ('sale', 10, now() - interval '1 day'), ('sale', 7, date_trunc('milliseconds', now()) + interval '3 s')");
        var begins = await shop.ScalarAsync<DateTime>("SELECT max(valid_from) FROM shop.prices WHERE sku = 'sale'");
        Assert.That(await PriceAsync(), Is.EqualTo(10));

        await Eventually.TrueAsync(async () =>
        {
            var asked = await shop.ScalarAsync<DateTime>("SELECT clock_timestamp()");
            var price = await PriceAsync();
            Assert.That(price == 7 || asked < begins, Is.True, $"The price {price} was served to a reader who asked {(asked - begins).TotalMilliseconds} ms after its end.");
            return price == 7;
        });

        async Task<int> PriceAsync()
        {
            using var answer = await GetAsync("sale");
            var (maxAge, age) = (answer.Headers.CacheControl!.MaxAge!.Value, answer.Headers.Age!.Value);
            var price = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["price"]!.GetValue<int>();
            Assert.That(price == 7 || maxAge - age <= TimeSpan.FromSeconds(3), Is.True, $"max-age {maxAge}, Age {age}");
            return price;
        }
    }

    [Test]
    public async Task AnAnswerHasTheTagsOfTheMapping()
    {
        await shop.ExecuteAsync("INSERT INTO shop.items VALUES ('tagged 1', 'Lamp'); INSERT INTO shop.groups VALUES (77, 'Lamps'); INSERT INTO shop.item_groups VALUES ('tagged 1', 77)");

        using var answer = await GetAsync("tagged 1");

        Assert.That(answer.Headers.GetValues("Cache-Tag"), Is.EqualTo(new[] { "products,product-tagged%201,group-77" }));
        Assert.That(answer.Headers.GetValues("Surrogate-Key"), Is.EqualTo(new[] { "products product-tagged%201 group-77" }));
    }

    [Test]
    public async Task IdsOfAnyTextAreReadListedAndPurged()
    {
        await using (var insert = shop.DataSource.CreateCommand("INSERT INTO shop.items SELECT sku, 'Odd' FROM unnest($1) AS sku"))
        {
            insert.Parameters.AddWithValue(OddIds);
            await insert.ExecuteNonQueryAsync();
        }

        foreach (var id in OddIds)
        {
            using var answer = await GetAsync(id);
            Assert.That(JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["sku"]!.GetValue<string>(), Is.EqualTo(id));
            using var purge = await service.Api.DeleteAsync(new Uri($"/api/v1/cache/products/{Uri.EscapeDataString(id)}", UriKind.Relative));
            Assert.That(purge.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        }

        var batch = await JsonAsync($"/api/v1/products?ids={string.Join(',', OddIds.Select(Uri.EscapeDataString))}");
        Assert.That(batch["items"]!.AsArray().Select(item => item!["id"]!.GetValue<string>()), Is.EqualTo(OddIds));

        List<string> listed = [];
        for (string? next = "/api/v1/products?q=Odd&limit=4"; next is not null;)
        {
            var page = await JsonAsync(next);
            listed.AddRange(page["items"]!.AsArray().Select(item => item!["product"]!["sku"]!.GetValue<string>()));
            using var self = await service.Api.GetAsync(new Uri(page["items"]![0]!["self"]!.GetValue<string>(), UriKind.Relative));
            Assert.That((int)self.StatusCode, Is.EqualTo(200).Or.EqualTo(202));
            next = page["next"] is { } cursor ? $"/api/v1/products?q=Odd&limit=4&after={cursor}" : null;
        }

        Assert.That(listed, Is.EquivalentTo(OddIds));
    }

    [Test]
    public async Task WhatIsNoIdIsRefused([Values("%20a", "a%09b", "..%2F", "%C3%28")] string path)
    {
        using var answer = await service.Api.GetAsync(new Uri($"/api/v1/products/{path}", UriKind.Relative));

        Assert.That((int)answer.StatusCode, Is.EqualTo(400).Or.EqualTo(404).Or.EqualTo(202), await answer.Content.ReadAsStringAsync());
        using var longId = await service.Api.GetAsync(new Uri($"/api/v1/products/{new string('x', 201)}", UriKind.Relative));
        Assert.That(longId.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [Test]
    public async Task AChangeOfAGroupReachesAllItsItemsInSteps()
    {
        await shop.ExecuteAsync(
            """
            INSERT INTO shop.groups VALUES (7, 'Before');
            INSERT INTO shop.items SELECT 'many-' || n, 'Item' FROM generate_series(1, 1234) AS n;
            INSERT INTO shop.item_groups SELECT 'many-' || n, 7 FROM generate_series(1, 1234) AS n;
            """);
        Assert.That(await GroupAsync(1), Is.EqualTo("Before"));
        Assert.That(await GroupAsync(1234), Is.EqualTo("Before"));
        var versions = await shop.ScalarAsync<long>("SELECT count(*) FROM product_cache.product_versions WHERE id LIKE 'many-%'");

        await shop.ExecuteAsync("UPDATE shop.groups SET name = 'After' WHERE id = 7");

        foreach (var item in (int[])[1, 617, 1234])
        {
            await Eventually.TrueAsync(async () => await GroupAsync(item) == "After");
        }

        Assert.That(versions, Is.EqualTo(1234));
        await Eventually.TrueAsync(async () => await shop.ScalarAsync<long>("SELECT count(*) FROM product_cache.product_expansions") == 0);
        Assert.That(await shop.ScalarAsync<long>("SELECT count(*) FROM product_cache.product_touches"), Is.Zero);

        async Task<string> GroupAsync(int item)
        {
            using var answer = await GetAsync($"many-{item}");
            return JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["groups"]![0]!.GetValue<string>();
        }
    }

    [Test]
    public async Task ADeletedOrHiddenProductIsGoneAndComesBack()
    {
        await shop.ExecuteAsync("INSERT INTO shop.items VALUES ('gone', 'Here')");
        Assert.That(await service.ReadAsync("gone"), Does.Contain("Here"));

        foreach (var (away, back) in new[]
        {
            ("DELETE FROM shop.items WHERE sku = 'gone'", "INSERT INTO shop.items VALUES ('gone', 'Here again')"),
            ("UPDATE shop.items SET hidden = true WHERE sku = 'gone'", "UPDATE shop.items SET hidden = false WHERE sku = 'gone'"),
            ("UPDATE shop.items SET sku = 'gone-2' WHERE sku = 'gone'", "UPDATE shop.items SET sku = 'gone' WHERE sku = 'gone-2'"),
        })
        {
            await shop.ExecuteAsync(away);
            await Eventually.TrueAsync(async () => (await service.ReadAsync("gone")).Contains("no-such-product", StringComparison.Ordinal));
            await shop.ExecuteAsync(back);
            await Eventually.TrueAsync(async () => (await service.ReadAsync("gone")).Contains("Here again", StringComparison.Ordinal));
        }
    }

    [Test]
    public async Task WhatAReplicatingSessionWritesIsSeen()
    {
        await shop.ExecuteAsync("INSERT INTO shop.items VALUES ('copy', 'First')");
        Assert.That(await service.ReadAsync("copy"), Does.Contain("First"));

        await shop.ExecuteAsync("SET LOCAL session_replication_role = replica; UPDATE shop.items SET title = 'Second' WHERE sku = 'copy'");

        await Eventually.TrueAsync(async () => (await service.ReadAsync("copy")).Contains("Second", StringComparison.Ordinal));
    }

    [Test]
    public async Task WhatIsRolledBackTouchesNothing()
    {
        await shop.ExecuteAsync("INSERT INTO shop.items VALUES ('kept', 'Kept')");
        var before = await VersionAsync("kept");

        await using var connection = await shop.DataSource.OpenConnectionAsync();
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await using var command = new NpgsqlCommand(
                "INSERT INTO shop.items VALUES ('other', 'x'); SAVEPOINT here; UPDATE shop.items SET title = 'y' WHERE sku = 'kept'; ROLLBACK TO here", connection);
            await command.ExecuteNonQueryAsync();
            await transaction.CommitAsync();
        }

        Assert.That(await VersionAsync("kept"), Is.EqualTo(before));
        Assert.That(await VersionAsync("other"), Is.GreaterThan(before));
    }

    [Test]
    public async Task WritersOfSeveralTablesInAnyOrderNeverWaitForEachOtherInACircle()
    {
        const int items = 12, transactions = 150, writers = 6;
        await shop.ExecuteAsync(
            $"""
            INSERT INTO shop.items SELECT 'busy-' || n, 'Item' FROM generate_series(1, {items}) AS n;
            INSERT INTO shop.prices SELECT 'busy-' || n, w, timestamptz '2020-01-01' + make_interval(days => w) FROM generate_series(1, {items}) AS n, generate_series(1, {writers}) AS w;
            INSERT INTO shop.groups SELECT 100 + w, 'Group' FROM generate_series(1, {writers}) AS w;
            INSERT INTO shop.item_groups SELECT 'busy-' || n, 100 + w FROM generate_series(1, {items}) AS n, generate_series(1, {writers}) AS w;
            """);

        // Each writer has rows of its own, so that they share nothing but the products.
        var faults = await Task.WhenAll(Enumerable.Range(1, writers).Select(writer => Task.Run(() => WriteAsync(writer, new Random(writer)))));

        Assert.That(faults.SelectMany(fault => fault), Is.Empty);

        async Task<List<string>> WriteAsync(int writer, Random random)
        {
            List<string> states = [];
            await using var connection = await shop.DataSource.OpenConnectionAsync();
            for (var i = 0; i < transactions; i++)
            {
                try
                {
                    await using var transaction = await connection.BeginTransactionAsync();
                    for (var step = 0; step < 4; step++)
                    {
                        var item = random.Next(1, items + 1);
                        var sql = random.Next(2) == 0
                            ? $"UPDATE shop.prices SET amount = amount + 1 WHERE sku = 'busy-{item}' AND valid_from = timestamptz '2020-01-01' + make_interval(days => {writer})"
                            : $"DELETE FROM shop.item_groups WHERE sku = 'busy-{item}' AND group_id = {100 + writer}; INSERT INTO shop.item_groups VALUES ('busy-{item}', {100 + writer})";
                        await using var command = new NpgsqlCommand(sql, connection);
                        await command.ExecuteNonQueryAsync();
                    }

                    await transaction.CommitAsync();
                }
                catch (PostgresException failed)
                {
                    states.Add(failed.SqlState);
                    break;
                }
            }

            return states;
        }
    }

    [Test]
    public async Task ProductsAreWrittenElsewhere()
    {
        using var created = await service.Api.PostAsync(new Uri("/api/v1/products", UriKind.Relative), new StringContent("{}", null, "application/json"));
        using var deleted = await service.Api.DeleteAsync(new Uri("/api/v1/products/x", UriKind.Relative));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(created.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
            Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
            Assert.That(created.Content.Headers.Allow, Does.Contain("GET"));
            Assert.That(await created.Content.ReadAsStringAsync(), Does.Contain("/problems/written-elsewhere"));
        }
    }

    [Test]
    public async Task AnEntityTagIsThatOfTheBody()
    {
        await shop.ExecuteAsync("INSERT INTO shop.items VALUES ('tagged', 'One')");
        using var first = await GetAsync("tagged");
        var tag = first.Headers.ETag!.Tag;
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/products/tagged") { Headers = { { "If-None-Match", tag } } };
        using var same = await service.Api.SendAsync(request);
        Assert.That(same.StatusCode, Is.EqualTo(HttpStatusCode.NotModified));

        await shop.ExecuteAsync("UPDATE shop.items SET title = 'Two' WHERE sku = 'tagged'");
        var version = await VersionAsync("tagged");
        using var demand = new HttpRequestMessage(HttpMethod.Get, "/api/v1/products/tagged")
        {
            Headers = { { "Product-Version-At-Least", version.ToString(CultureInfo.InvariantCulture) }, { "Prefer", "wait=10" }, { "If-None-Match", tag } },
        };
        using var newer = await service.Api.SendAsync(demand);

        Assert.That(newer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(newer.Headers.ETag!.Tag, Does.StartWith($"\"{version}-"));
    }

    private async Task<long> VersionAsync(string id) => await shop.ScalarAsync<long>($"SELECT version FROM product_cache.product_versions WHERE id = '{id}'");

    private async Task<JsonNode> JsonAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Prefer", "wait=5" } } };
        using var answer = await service.Api.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), text);
        return JsonNode.Parse(text)!;
    }

    private async Task<HttpResponseMessage> GetAsync(string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/products/{Uri.EscapeDataString(id)}") { Headers = { { "Prefer", "wait=10" } } };
        var answer = await service.Api.SendAsync(request);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"{id}: {await answer.Content.ReadAsStringAsync()}");
        return answer;
    }
}
