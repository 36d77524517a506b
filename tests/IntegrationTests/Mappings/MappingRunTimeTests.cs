using System.Net;
using System.Text.Json.Nodes;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Mappings;

/// <summary>A product that cannot be served, or an id that is none, affects no other product.</summary>
public sealed class MappingRunTimeTests
{
    private ServedShop shop = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => shop = await ServedShop.StartAsync("on");

    [OneTimeTearDown]
    public Task StopAsync() => shop.DisposeAsync().AsTask();

    [SetUp]
    public Task MendAsync() => shop.MendAsync();

    [TestCase("twice", "The SELECT of the mapping gives the product twice.")]
    [TestCase("faulty", "The price is missing.")]
    [TestCase("list", "The body is not a JSON object.")]
    [TestCase("null", "The body is not a JSON object.")]
    [TestCase("large", "The body has 1048588 bytes, more than 1048576.")]
    [TestCase("division", "division by zero (SQLSTATE 22012)")]
    [TestCase("writes", "cannot execute INSERT in a read-only transaction (SQLSTATE 25006)")]
    [TestCase("tags", "The tags are a list of lists.")]
    public async Task AProductThatCannotBeServedIsTheOnlyOneAndComesBack(string kind, string reason)
    {
        await shop.ExecuteAsync($"UPDATE shop.products SET kind = '{kind}', title = 'Broken' WHERE id = 'b'; UPDATE shop.products SET title = 'New' WHERE id <> 'b'");

        await Eventually.TrueAsync(async () => (await shop.ReadAsync("b")).Status == HttpStatusCode.BadGateway);
        var problem = JsonNode.Parse((await shop.ReadAsync("b")).Body)!;
        Assert.That(problem["type"]!.ToString(), Does.EndWith("/problems/unreadable-product"));
        Assert.That(problem["detail"]!.ToString(), Does.StartWith("Product b cannot be read. ").And.Contain(reason));
        foreach (var id in (string[])["a", "c", "d"])
        {
            await shop.ServedAsync(id, "New");
        }

        // In one statement with the others.
        var listed = JsonNode.Parse(await shop.Api.GetStringAsync(new Uri("/api/v1/products?q=bro", UriKind.Relative)))!["items"]!.AsArray();
        Assert.That(listed.Select(item => item!["id"]!.ToString()), Is.EqualTo(new[] { "b" }));
        Assert.That(listed[0]!["unreadable"]!.ToString(), Does.Contain(reason));
        await shop.TheOutboxIsEmptyAsync();
        Assert.That((await shop.ReadyAsync()).Status, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await shop.ScalarAsync<long>("SELECT count(*) FROM shop.log"), Is.Zero);

        await shop.ExecuteAsync("UPDATE shop.products SET kind = NULL, title = 'Mended' WHERE id = 'b'");
        await shop.ServedAsync("b", "Mended");
    }

    [Test]
    public async Task AProductWithoutABodyDoesNotExistAndComesBack()
    {
        await shop.ExecuteAsync("UPDATE shop.products SET kind = 'hidden' WHERE id = 'b'");
        await Eventually.TrueAsync(async () => (await shop.ReadAsync("b")).Status == HttpStatusCode.NotFound);
        await shop.ExecuteAsync("UPDATE shop.products SET kind = NULL, title = 'Shown' WHERE id = 'b'");
        await shop.ServedAsync("b", "Shown");
    }

    [Test]
    public async Task AnEndThatIsFarAwayIsNone()
    {
        await shop.ExecuteAsync("UPDATE shop.products SET kind = 'late', title = 'Late' WHERE id = 'b'");
        await shop.ServedAsync("b", "Late");
    }

    [Test]
    public async Task ARowWhoseIdIsNoneStopsNeitherItsWriterNorTheOthers()
    {
        // Too long for an id, and for an index of PostgreSQL.
        const string tooLong = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) AS n)";
        await shop.ExecuteAsync(
            $"""
            INSERT INTO shop.products SELECT repeat('x', 201), 'Nobody reads this';
            INSERT INTO shop.products VALUES (' ', 'Nor this'), ('.', 'Nor this');
            INSERT INTO shop.notes VALUES ({tooLong}, 'a note'), ('b', 'a note'), (NULL, 'a note'), ('', 'a note')
            """);
        await shop.ExecuteAsync("UPDATE shop.products SET title = 'New' WHERE id = 'c'");

        await shop.ServedAsync("c", "New");
        await Eventually.TrueAsync(async () => JsonNode.Parse((await shop.ReadAsync("b")).Body)?["notes"]?.ToString() == "1");
        Assert.That((await shop.ReadAsync(new string('x', 201))).Status, Is.AnyOf(HttpStatusCode.BadRequest, HttpStatusCode.NotFound));

        // The list goes on behind them: "." and " " come before the letters.
        var page = JsonNode.Parse(await shop.Api.GetStringAsync(new Uri("/api/v1/products?limit=1", UriKind.Relative)))!;
        Assert.That((page["items"]![0]!["id"]!.ToString(), page["next"] is not null), Is.EqualTo(("a", true)));
        await shop.TheOutboxIsEmptyAsync();
        Assert.That((await shop.ReadyAsync()).Status, Is.EqualTo(HttpStatusCode.OK));
        await shop.ExecuteAsync("DELETE FROM shop.products WHERE id NOT IN ('a', 'b', 'c', 'd'); DELETE FROM shop.notes");
    }

    [Test]
    public async Task AnExpansionThatFailsHoldsBackNoOther()
    {
        await shop.ExecuteAsync("UPDATE shop.products SET kind = 'green' WHERE id = 'b'; INSERT INTO shop.kinds VALUES ('green', 'Green')");
        await Eventually.TrueAsync(async () => JsonNode.Parse((await shop.ReadAsync("b")).Body)?["kind"]?.ToString() == "Green");

        await shop.ExecuteAsync("INSERT INTO product_cache.product_watches VALUES ('wrong', 'text', 'select id from shop.nothing where kind = any(@keys)'); INSERT INTO product_cache.product_expansions (watch, keys) VALUES ('wrong', '{green}')");
        await shop.ExecuteAsync("UPDATE shop.kinds SET name = 'Dark green' WHERE kind = 'green'");

        await Eventually.TrueAsync(async () => JsonNode.Parse((await shop.ReadAsync("b")).Body)?["kind"]?.ToString() == "Dark green");
        await shop.ExecuteAsync("DELETE FROM product_cache.product_expansions; DELETE FROM product_cache.product_watches WHERE name = 'wrong'; DELETE FROM shop.kinds WHERE kind = 'green'");
    }
}
