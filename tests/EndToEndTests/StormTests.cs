using System.Net;
using ProductCache.Contracts;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>What many readers cost.</summary>
[Category(TestCategories.Servers)]
[Category(TestCategories.Outages)]
[Category(TestCategories.Alone)]
public sealed class StormTests
{
    private Deployment deployment = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        deployment = await Deployment.StartAsync();

        // What is tested is the storm, not the compiler: the processes have done their job once.
        await deployment.FillAsync(await deployment.InsertAsync());
    }

    [OneTimeTearDown]
    public ValueTask StopAsync() => deployment.DisposeAsync();

    [Test]
    public async Task TenThousandReadersOfOneMissingProductCostOneMessageAndOneRead()
    {
        const int readers = 10_000;
        var id = await deployment.InsertAsync();
        string[] answers = [];
        var workerOutput = string.Empty;

        var reads = await deployment.CountTableReadsAsync(async () =>
        {
            using var handler = new SocketsHttpHandler { MaxConnectionsPerServer = 1_000 };
            using var client = new HttpClient(handler) { BaseAddress = deployment.Http.BaseAddress };
            answers = await Task.WhenAll(Enumerable.Range(0, readers).Select(async n =>
            {
                // Every other one waits.
                using var request = new HttpRequestMessage(HttpMethod.Get, $"/productapp/{id}/") { Headers = { { "Prefer", n % 2 == 0 ? "wait=10" : "wait=0" } } };

                using var answer = await client.SendAsync(request);
                var status = $"{(int)answer.StatusCode}";
                return status is "200" or "202" ? status : await answer.Content.ReadAsStringAsync();
            }));
            workerOutput = deployment.Worker.Output;
        });

        Assert.That(answers.Distinct(), Is.SubsetOf(new[] { "200", "202" }), () => string.Join(", ", answers.CountBy(status => status)));
        Assert.That(answers.Where((_, n) => n % 2 == 0), Is.All.EqualTo("200"));
        Assert.That(deployment.ReadTopic(Topics.ProductRequests).Count(record => record.Message.Key == id.ToString()), Is.EqualTo(1));

        // A step of Redis that exceeds its timeout is an outage, after which the Worker claims and reads again; it says so.
        var retries = workerOutput.Split("R-RETRY").Length - 1;
        Assert.That(reads, Is.InRange(1, 1 + retries), () => workerOutput);
    }

    [Test]
    public async Task ManyMissingProductsAreReadInBatches()
    {
        List<ProductId> ids = [.. Enumerable.Range(0, 400).Select(_ => TestProducts.NewId())];
        await deployment.ExecuteAsync("INSERT INTO products (id, name, price) SELECT id, 'Tea', 3.5 FROM unnest($1) id", ids.Select(id => id.Value).ToArray());

        HttpStatusCode[] answers = [];
        var reads = await deployment.CountTableReadsAsync(async () => answers = await Task.WhenAll(ids.Select(async id =>
        {
            using var answer = await deployment.GetAsync(id, "wait=10");
            return answer.StatusCode;
        })));

        Assert.That(answers, Is.All.EqualTo(HttpStatusCode.OK));
        Assert.That(reads, Is.LessThan(ids.Count / 2));
    }
}
