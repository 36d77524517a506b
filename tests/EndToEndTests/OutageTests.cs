using System.Net;
using System.Net.Http.Headers;
using System.Text;
using ProductCache.Domain;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>Each server stopped and started again under reads; nothing of ours is restarted.</summary>
[Category(TestCategories.Servers)]
[Category(TestCategories.Outages)]
public sealed class OutageTests
{
    private static readonly NewApiKey Key = NewApiKey.Create("writer", [Scopes.Write]);

    private Deployment deployment = null!;
    private ProductId cached;

    [SetUp]
    public async Task StartAsync()
    {
        deployment = await Deployment.StartAsync(("API_KEYS", Key.Line));
        cached = await deployment.InsertAsync();
        await deployment.FillAsync(cached);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await deployment.DisposeAsync();
    }

    [Test]
    public async Task WithoutRedisReadsAreUnavailableAndRecover()
    {
        await using (await Outage.OfAsync(deployment.Redis))
        {
            // A near copy is served until the silence has been noticed.
            await Eventually.TrueAsync(async () =>
            {
                using var answer = await deployment.GetAsync(cached);
                Assert.That((int)answer.StatusCode, Is.AnyOf(200, 503));
                return answer.StatusCode == HttpStatusCode.ServiceUnavailable;
            });
            await ReadsAnswerAsync(cached, HttpStatusCode.ServiceUnavailable);
            using var answer = await deployment.GetAsync(TestProducts.NewId(), "wait=1");
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(answer.Headers.RetryAfter, Is.Not.Null);
            Assert.That(answer.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/problem+json"));
        }

        await BecomesAHitAsync(cached);
    }

    [Test]
    public async Task WithoutKafkaHitsGoOnAndMissesAreUnavailableAndRecover()
    {
        var missing = await deployment.InsertAsync();
        await using (await Outage.OfAsync(deployment.Kafka))
        {
            await ReadsAnswerAsync(cached, HttpStatusCode.OK);
            using var answer = await deployment.GetAsync(missing);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(answer.Headers.RetryAfter, Is.Not.Null);

            // The lease was given back: the next reader is refused for the same reason, not told that it was requested.
            using var again = await deployment.GetAsync(missing);
            Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        }

        await BecomesAHitAsync(missing);
    }

    [Test]
    public async Task WithoutPostgresHitsGoOnAndMissesAreFilledWhenItIsBack()
    {
        var missing = await deployment.InsertAsync();
        await using (await Outage.OfAsync(deployment.Postgres))
        {
            await ReadsAnswerAsync(cached, HttpStatusCode.OK);
            using var answer = await deployment.GetAsync(missing);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
            Assert.That(await CreateAsync(), Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            using var list = await deployment.GetAsync("/api/v1/products");
            Assert.That(list.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(list.Headers.RetryAfter, Is.Not.Null);
        }

        // Nobody asks again.
        await Eventually.TrueAsync(() => deployment.IsCachedAsync(missing));
        await Eventually.TrueAsync(async () => await CreateAsync() == HttpStatusCode.Created);
    }

    [Test]
    public async Task CachedProductsAreAnsweredWhileAllElseIsDown()
    {
        await deployment.Worker.KillAsync();
        await using (await Outage.OfAsync(deployment.Kafka))
        await using (await Outage.OfAsync(deployment.Postgres))
        {
            await ReadsAnswerAsync(cached, HttpStatusCode.OK);
        }

        await deployment.StartWorkerAsync();
        await BecomesAHitAsync(await deployment.InsertAsync());
    }

    private async Task ReadsAnswerAsync(ProductId id, HttpStatusCode expected)
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(async _ =>
        {
            using var answer = await deployment.GetAsync(id);
            return answer.StatusCode;
        }));
        Assert.That(answers, Is.All.EqualTo(expected));
    }

    private async Task<HttpStatusCode> CreateAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/products")
        {
            Content = new StringContent("""{"name":"Tea","price":1}""", Encoding.UTF8, "application/json"),
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", Key.Text) },
        };
        using var answer = await deployment.Http.SendAsync(request);
        return answer.StatusCode;
    }

    private Task BecomesAHitAsync(ProductId id) => Eventually.TrueAsync(
        async () =>
        {
            using var answer = await deployment.GetAsync(id);
            Assert.That((int)answer.StatusCode, Is.AnyOf(200, 202, 503));
            return answer.StatusCode == HttpStatusCode.OK;
        },
        $"{id} answered from the cache");
}
