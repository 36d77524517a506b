using System.Net;
using System.Text.Json.Nodes;
using ProductCache.Contracts;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>A row that is no valid product: its reader is told, its requests are dead letters, and all others are served.</summary>
[Category(TestCategories.Servers)]
public sealed class UnreadableProductTests
{
    private Deployment deployment = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        deployment = await Deployment.StartAsync(("API_LISTS_PER_SECOND", "0"));
        await deployment.ExecuteAsync("ALTER TABLE products DROP CONSTRAINT products_price_valid");
    }

    [OneTimeTearDown]
    public ValueTask StopAsync() => deployment.DisposeAsync();

    [Test]
    public async Task ItsReaderIsToldWhatIsWrongUntilTheRowIsChanged()
    {
        var id = await deployment.InsertAsync(price: -1);

        using (var answer = await deployment.GetAsync(id, "wait=10"))
        {
            var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
            using (Assert.EnterMultipleScope())
            {
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadGateway));
                Assert.That((string)problem["type"]!, Is.EqualTo("/problems/unreadable-product"));
                Assert.That((string)problem["detail"]!, Does.Contain($"{id}").And.Contain("price"));
            }
        }

        await Eventually.TrueAsync(() => Task.Run(() => deployment.ReadTopic(Topics.ProductRequests + Topics.DeadLetterSuffix)
            .Exists(letter => letter.Message.Key == id.ToString())));

        await deployment.ExecuteAsync("UPDATE products SET price = 1 WHERE id = $1", id.Value);
        await BecomesAsync(id, HttpStatusCode.OK);
    }

    [Test]
    public async Task ACachedProductThatBecomesUnreadableIsNotServedAsItWas()
    {
        var id = await deployment.InsertAsync();
        await deployment.FillAsync(id);

        await deployment.ExecuteAsync("UPDATE products SET price = -1 WHERE id = $1", id.Value);

        await BecomesAsync(id, HttpStatusCode.BadGateway);
    }

    [Test]
    public async Task TheOthersOfItsBatchAreServedAndTheListGoesOn()
    {
        List<ProductId> ids = [];
        for (var n = 0; n < 20; n++)
        {
            ids.Add(await deployment.InsertAsync(price: n % 5 == 4 ? -1 : 1));
        }

        ids = [.. ids.OrderBy(id => id.Value)];
        var path = $"/api/v1/products?ids={string.Join(',', ids)}";
        await Eventually.TrueAsync(async () =>
        {
            var statuses = await StatusesAsync(path);
            return statuses.Count(status => status == "hit") == 16 && statuses.Count(status => status == "unreadable") == 4;
        });

        using var list = await deployment.GetAsync("/api/v1/products?limit=500");
        var items = JsonNode.Parse(await list.Content.ReadAsStringAsync())!["items"]!.AsArray();
        Assert.That(items.Count(item => item!["unreadable"] is not null), Is.GreaterThanOrEqualTo(4));
        Assert.That(items.Count(item => item!["name"] is not null), Is.GreaterThanOrEqualTo(16));
    }

    private async Task<List<string?>> StatusesAsync(string path)
    {
        using var answer = await deployment.GetAsync(path, "wait=10");
        return [.. JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["items"]!.AsArray().Select(item => (string?)item!["status"])];
    }

    private Task BecomesAsync(ProductId id, HttpStatusCode status) => Eventually.TrueAsync(async () =>
    {
        using var answer = await deployment.GetAsync(id, "wait=10");
        return answer.StatusCode == status;
    });
}
