using System.Net;
using ProductCache.Infrastructure;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Mappings;

/// <summary>A mapping is replaced by another one while processes of both serve, as docs/your-own-tables.md says.</summary>
public sealed class MappingRolloutTests
{
    private const int Rounds = 8;

    private const string Tables =
        """
        CREATE SCHEMA shop;
        CREATE TABLE shop.products (id text PRIMARY KEY, title text NOT NULL, stock int NOT NULL);
        INSERT INTO shop.products VALUES ('a', 'Tea', 0), ('b', 'Tea', 0), ('c', 'Tea', 0);
        """;

    private const string Old =
        """
        -- id: text
        -- watch: shop.products (id)
        select id, jsonb_build_object('title', title) as body from shop.products where id = any(@ids)
        """;

    private static readonly string[] Ids = ["a", "b", "c"];

    // The audit of the newer Worker would replace the entries of the older one, which is right, but not what is asked here.
    private static readonly (string, string) WithoutAudit = (EntryAuditOptions.Setting, "0");

    private static string New(string accepted) =>
        $"""
        -- id: text
        -- watch: shop.products (id)
        -- accepts: {accepted}
        select id, jsonb_build_object('title', title, 'stock', stock) as body from shop.products where id = any(@ids)
        """;

    [Test]
    public async Task EveryReaderGetsABodyOfTheMappingOfItsApiOrOfOneThatThisAccepts()
    {
        await using var shop = await Shop.CreateAsync(Tables, Old);
        RunningService next;
        await using (var old = await shop.StartAsync(WithoutAudit))
        {
            Assert.That(await old.ReadAsync("a"), Is.EqualTo("""{"title":"Tea"}"""));
            var file = Path.Combine(Path.GetDirectoryName(shop.Mapping)!, "new.sql");
            await File.WriteAllTextAsync(file, New(await shop.ScalarAsync<string>("SELECT number FROM product_cache.product_mapping")));
            next = await shop.StartAsync(("PRODUCT_MAPPING", file), ("CACHE_NAMESPACE", old.Settings["CACHE_NAMESPACE"]), WithoutAudit);
            try
            {
                // What the old Worker has filled is a hit of the new Api.
                using (var hit = await GetAsync(next, "a"))
                {
                    Assert.That(await hit.Content.ReadAsStringAsync(), Is.EqualTo("""{"title":"Tea"}"""));
                    Assert.That($"{hit.Headers.NonValidated["Cache-Status"]}", Does.Contain("hit"));
                }

                for (var round = 1; round <= Rounds; round++)
                {
                    await shop.ExecuteAsync($"UPDATE shop.products SET title = 'Tea {round}', stock = {round}");
                    await Task.WhenAll(Ids.SelectMany(id => (Task[])[IsOfAsync(old, id, hasStock: [false]), IsOfAsync(next, id, hasStock: [false, true])]));
                }
            }
            catch
            {
                await next.DisposeAsync();
                throw;
            }
        }

        await using (next)
        {
            await shop.ExecuteAsync("UPDATE shop.products SET title = 'Mate', stock = 7");
            await Eventually.TrueAsync(async () => (await Task.WhenAll(Ids.Select(next.ReadAsync))).All(body => body == """{"stock":7,"title":"Mate"}"""));
        }
    }

    private static async Task IsOfAsync(RunningService service, string id, bool[] hasStock)
    {
        using var answer = await GetAsync(service, id);
        var body = await answer.Content.ReadAsStringAsync();
        Assert.That(answer.StatusCode, Is.AnyOf(HttpStatusCode.OK, HttpStatusCode.Accepted), body);
        if (answer.StatusCode == HttpStatusCode.OK)
        {
            Assert.That(body.Contains("stock", StringComparison.Ordinal), Is.AnyOf([.. hasStock.Cast<object>()]), body);
        }
    }

    private static Task<HttpResponseMessage> GetAsync(RunningService service, string id) => service.Api.SendAsync(
        new HttpRequestMessage(HttpMethod.Get, $"/api/v1/products/{id}") { Headers = { { "Prefer", "wait=1" } } });
}
