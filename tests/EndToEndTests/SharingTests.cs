using System.Net;
using System.Net.Http.Headers;
using ProductCache.Domain;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>Two complete deployments on one database, one Redis and one Kafka do not see each other.</summary>
[Category(TestCategories.Servers)]
public sealed class SharingTests
{
    private static readonly NewApiKey Key = NewApiKey.Create("operator", [Scopes.Write, Scopes.Administer]);

    private Deployment blue = null!;
    private Deployment green = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        blue = await Deployment.StartAsync(("CACHE_NAMESPACE", "blue"), ("DB_SCHEMA", "blue"), ("API_KEYS", Key.Line));
        green = await blue.StartBesideAsync(("CACHE_NAMESPACE", "green"), ("DB_SCHEMA", "green"), ("API_KEYS", Key.Line));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await green.DisposeAsync();
        await blue.DisposeAsync();
    }

    [Test]
    public async Task ProductsOfOneIdAreTwoProducts()
    {
        var id = await BothHaveAsync("Tea of blue", "Tea of green");

        await blue.ExecuteAsync("UPDATE products SET name = 'Coffee of blue' WHERE id = $1", id.Value);

        await BecomesAsync(blue, id, "Coffee of blue");
        Assert.That(await NameAsync(green, id), Is.EqualTo("Tea of green"));
    }

    [Test]
    public async Task APurgeOfOneLeavesTheOther()
    {
        var id = await BothHaveAsync("Tea of blue", "Tea of green");

        await PurgeAsync(blue, id);

        Assert.That(await blue.IsCachedAsync(id), Is.False);
        Assert.That(await green.IsCachedAsync(id), Is.True);
    }

    [Test]
    public async Task AFloodOfOneCostsTheOtherNothing()
    {
        var id = await BothHaveAsync("Tea of blue", "Tea of green");
        var (requests, changes) = (green.ReadTopic("green.product-requests").Count, green.ReadTopic("green.product-changes").Count);

        await blue.ExecuteAsync("INSERT INTO products (name, price) SELECT 'Flood ' || n, 1 FROM generate_series(1, 5000) n");
        await Task.WhenAll(Enumerable.Range(0, 300).Select(async _ =>
        {
            using var answer = await blue.GetAsync(TestProducts.NewId());
        }));
        await blue.ChangesAreConsumedAsync();

        Assert.That(green.ReadTopic("green.product-requests"), Has.Count.EqualTo(requests));
        Assert.That(green.ReadTopic("green.product-changes"), Has.Count.EqualTo(changes));
        Assert.That(await green.ScalarAsync("SELECT count(*) FROM products WHERE name LIKE 'Flood%'"), Is.Zero);
        Assert.That(await green.IsCachedAsync(id), Is.True);
    }

    [Test]
    public async Task AnAuditThatDropsAllOfOneLeavesTheOther()
    {
        var id = await BothHaveAsync("Tea of blue", "Tea of green");
        var identity = await green.RedisConnection.GetDatabase().HashGetAsync("green:product-cache:store", "identity");

        // As after a restore of an older state of the database of blue.
        await blue.ExecuteAsync("SELECT setval('product_version_seq', 1)");

        await Eventually.TrueAsync(() => blue.Worker.Output.Contains("went back to an older state", StringComparison.Ordinal));
        await Eventually.TrueAsync(async () => !await blue.IsCachedAsync(id));
        Assert.That(await green.IsCachedAsync(id), Is.True);
        Assert.That(green.Worker.Output, Does.Not.Contain("older state"));
        Assert.That(await green.RedisConnection.GetDatabase().HashGetAsync("green:product-cache:store", "identity"), Is.EqualTo(identity));
    }

    [Test]
    public async Task AWriteToOneIsNotListedByTheOther()
    {
        using var created = new HttpRequestMessage(HttpMethod.Post, "/api/v1/products")
        {
            Content = new StringContent("""{"name":"Only of blue","price":1}""", new MediaTypeHeaderValue("application/json")),
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", Key.Text) },
        };
        using var answer = await blue.Http.SendAsync(created);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(await blue.Http.GetStringAsync(new Uri("/api/v1/products?q=Only%20of", UriKind.Relative)), Does.Contain("Only of blue"));
        Assert.That(await green.Http.GetStringAsync(new Uri("/api/v1/products?q=Only%20of", UriKind.Relative)), Does.Not.Contain("Only of blue"));
    }

    private async Task<ProductId> BothHaveAsync(string ofBlue, string ofGreen)
    {
        var id = await blue.InsertAsync(ofBlue);
        await green.ExecuteAsync("INSERT INTO products (id, name, price) VALUES ($1, $2, 1)", id.Value, ofGreen);
        await blue.FillAsync(id);
        await green.FillAsync(id);
        Assert.That(await NameAsync(blue, id), Is.EqualTo(ofBlue));
        Assert.That(await NameAsync(green, id), Is.EqualTo(ofGreen));
        return id;
    }

    private static async Task PurgeAsync(Deployment deployment, ProductId id)
    {
        using var purge = new HttpRequestMessage(HttpMethod.Delete, $"/api/v1/cache/products/{id}")
        {
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", Key.Text) },
        };
        using var answer = await deployment.Http.SendAsync(purge);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    private static Task BecomesAsync(Deployment deployment, ProductId id, string name) =>
        Eventually.TrueAsync(async () => await NameAsync(deployment, id) == name);

    private static async Task<string?> NameAsync(Deployment deployment, ProductId id)
    {
        using var answer = await deployment.GetAsync(id, "wait=10");
        return System.Text.Json.Nodes.JsonNode.Parse(await answer.Content.ReadAsStringAsync())?["name"]?.GetValue<string>();
    }
}
