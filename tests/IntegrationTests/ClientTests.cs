using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Client;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests;

/// <summary>The package ProductCache.Client with the real service.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class ClientTests
{
    private readonly CountedRequests requests = new();
    private RunningService service = null!;
    private ServiceProvider services = null!;
    private ProductCacheClient client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        service = await RunningService.StartAsync();
        await service.ExecuteAsync("INSERT INTO products (id, name, price) SELECT id, 'Tea ' || id, 1 FROM generate_series(1, 300) id");
        var collection = new ServiceCollection();
        collection.AddProductCacheClient(options =>
        {
            options.BaseAddress = service.Api.BaseAddress;
            options.Credential = service.Api.DefaultRequestHeaders.Authorization!.Parameter;
            options.PendingAttempts = 20;
        }).AddHttpMessageHandler(() => requests);
        services = collection.BuildServiceProvider();
        client = services.GetRequiredService<ProductCacheClient>();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await services.DisposeAsync();
        await service.DisposeAsync();
        requests.Dispose();
    }

    [Test]
    public async Task AProductIsReadAndAnAbsentOneIsNull()
    {
        var entry = await client.GetAsync(1);

        Assert.That(entry!.Product, Is.EqualTo(new Product(1, "Tea 1", 1m)));
        Assert.That(entry.Version, Is.EqualTo(await service.ScalarAsync("SELECT version FROM products WHERE id = 1")));
        Assert.That(await client.GetAsync(999_999), Is.Null);
    }

    [Test]
    public async Task ASecondReadCostsA304()
    {
        await client.GetAsync(2);
        var first = await client.GetAsync(2);
        var second = await client.GetAsync(2);

        Assert.That(second, Is.EqualTo(first));
        Assert.That(requests.Of("/products/2").Last().Status, Is.EqualTo(HttpStatusCode.NotModified));
    }

    [Test]
    public async Task ReadsAtTheSameTimeAreFewRequests()
    {
        long[] ids = [.. Enumerable.Range(50, 250).Select(id => (long)id)];
        await client.GetManyAsync<Product>([.. ids.Select(id => id.ToString(CultureInfo.InvariantCulture))]);
        var before = requests.Of("?ids=").Count();

        var entries = await Task.WhenAll(ids.Select(id => client.GetAsync(id)));

        Assert.That(entries.Select(entry => entry!.Product.Id), Is.EqualTo(ids));
        Assert.That(requests.Of("?ids=").Count() - before, Is.InRange(1, 20), "250 reads");
    }

    [Test]
    public async Task AWriterReadsWhatItWrote()
    {
        var created = await client.CreateAsync(new ProductDraft("Chair", 80m));
        for (var price = 1; price <= 10; price++)
        {
            await client.PatchAsync(created.Product!.Id, new JsonObject { ["price"] = price }, "*");
            Assert.That((await client.GetAsync(created.Product.Id))!.Product.Price, Is.EqualTo(price));
        }

        await client.DeleteAsync(created.Product!.Id, "*");
        Assert.That(await client.GetAsync(created.Product.Id, new ReadOptions { FromDatabase = true, Wait = TimeSpan.FromSeconds(10) }), Is.Null);
    }

    [Test]
    public async Task AProblemIsAnException()
    {
        var conflict = Assert.ThrowsAsync<PreconditionFailedException>(async () => await client.PatchAsync(3, new JsonObject { ["price"] = 9 }, "\"1\""));
        Assert.That((conflict!.Problem, conflict.Status), Is.EqualTo(("precondition-failed", HttpStatusCode.PreconditionFailed)));

        var invalid = Assert.ThrowsAsync<ProductCacheException>(async () => await client.CreateAsync(new ProductDraft(string.Empty, -1)));
        Assert.That((invalid!.Problem, (int)invalid.Status), Is.EqualTo(("invalid-product", 422)));

        var noId = Assert.ThrowsAsync<ProductCacheException>(async () => await client.GetAsync<Product>("x", new ReadOptions()));
        Assert.That(noId!.Problem, Is.EqualTo("not-a-product-id"));
    }

    [Test]
    public async Task ChangesAreFollowed()
    {
        using var stop = new CancellationTokenSource(Eventually.Patience);
        await using var changes = client.FollowAsync<Product>(["10"], stop.Token).GetAsyncEnumerator(stop.Token);
        Assert.That((await NextAsync(changes)).Entry!.Product.Price, Is.EqualTo(1));

        await service.ExecuteAsync("UPDATE products SET price = 5 WHERE id = 10");
        Assert.That((await NextAsync(changes)).Entry!.Product.Price, Is.EqualTo(5));
        await service.ExecuteAsync("DELETE FROM products WHERE id = 10");
        Assert.That(await NextAsync(changes), Is.EqualTo(new ProductEvent<Product>("10", ProductStatus.Absent)));
    }

    [Test]
    public async Task ALocalCacheIsKeptRightAndSaysWhenItIsNotSure()
    {
        await using var local = client.CreateLocalCache<Product>();
        await Eventually.TrueAsync(() => local.IsSure);
        await Eventually.TrueAsync(async () => (await local.GetAsync("20")).IsLocal);

        var before = requests.Of("/products/20").Count();
        Assert.That((await local.GetAsync("20")).Entry!.Product.Price, Is.EqualTo(1));
        Assert.That(requests.Of("/products/20").Count(), Is.EqualTo(before));

        await service.ExecuteAsync("UPDATE products SET price = 6 WHERE id = 20");
        await Eventually.TrueAsync(async () => (await local.GetAsync("20")).Entry!.Product.Price == 6);

        requests.Fails = true;
        requests.BreakStreams();
        try
        {
            await Eventually.TrueAsync(() => !local.IsSure);
        }
        finally
        {
            requests.Fails = false;
        }

        await service.ExecuteAsync("UPDATE products SET price = 7 WHERE id = 20");
        await Eventually.TrueAsync(async () => local.IsSure && (await local.GetAsync("20")) is { IsLocal: true, Entry.Product.Price: 7 });
    }

    private static async Task<ProductEvent<Product>> NextAsync(IAsyncEnumerator<ProductEvent<Product>> changes)
    {
        while (await changes.MoveNextAsync())
        {
            if (changes.Current.Id.Length > 0)
            {
                return changes.Current;
            }
        }

        throw new EndOfStreamException();
    }

    /// <summary>Keeps what was requested, and can stand for a service that is away.</summary>
    private sealed class CountedRequests : DelegatingHandler
    {
        private readonly object gate = new();
        private readonly List<(string Url, HttpStatusCode Status)> sent = [];
        private readonly List<HttpResponseMessage> streams = [];

        public volatile bool Fails;

        public IEnumerable<(string Url, HttpStatusCode Status)> Of(string part)
        {
            lock (gate)
            {
                return [.. sent.Where(request => request.Url.Contains(part, StringComparison.Ordinal))];
            }
        }

        public void BreakStreams()
        {
            lock (gate)
            {
                streams.ForEach(stream => stream.Dispose());
                streams.Clear();
            }
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (Fails)
            {
                throw new HttpRequestException("The service is away.");
            }

            var answer = await base.SendAsync(request, cancellationToken);
            lock (gate)
            {
                sent.Add((request.RequestUri!.ToString(), answer.StatusCode));
                if (answer.Content.Headers.ContentType?.MediaType == "text/event-stream")
                {
                    streams.Add(answer);
                }
            }

            return answer;
        }
    }
}
