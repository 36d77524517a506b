using System.Globalization;
using System.Net;
using System.Text.Json;
using Confluent.Kafka;
using ProductCache.Contracts;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>The main job over HTTP, with real processes and servers.</summary>
[Category(TestCategories.Servers)]
public sealed class ReadPathTests
{
    private Deployment deployment = null!;

    public static IEnumerable<string> BadIds() =>
    [
        "0", "-1", "abc", "9223372036854775808", "1.0", "%D9%A3", "01", "+1", "%2B1", "%201", "1%20", "0x1", "1e3", new string('1', 8 * 1024),
    ];

    [OneTimeSetUp]
    public async Task StartAsync() => deployment = await Deployment.StartAsync();

    [OneTimeTearDown]
    public ValueTask StopAsync() => deployment.DisposeAsync();

    [TestCase("/productapp/{0}/")]
    [TestCase("/productapp/{0}")]
    [TestCase("/api/v1/products/{0}")]
    [TestCase("/api/v1/products/{0}/")]
    public async Task AMissedProductIsRequestedAndThenAnsweredFromTheCache(string route)
    {
        var id = await deployment.InsertAsync("Thé «vert»", 123.45m, "With \"quotes\" & <tags>");
        var path = string.Format(CultureInfo.InvariantCulture, route, id);

        using var miss = await deployment.GetAsync(path, "respond-async");
        var missBody = JsonDocument.Parse(await miss.Content.ReadAsStringAsync()).RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(miss.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
            Assert.That(miss.Headers.Location!.ToString(), Is.EqualTo(path));
            Assert.That(miss.Headers.RetryAfter!.Delta, Is.EqualTo(TimeSpan.FromSeconds(1)));
            Assert.That(Header(miss, "Cache-Status"), Is.EqualTo("ProductCache; fwd=miss"));
            Assert.That(missBody.GetProperty("id").GetInt64(), Is.EqualTo(id.Value));
            Assert.That(missBody.GetProperty("status").GetString(), Is.EqualTo("requested"));
        });

        await Eventually.TrueAsync(() => deployment.IsCachedAsync(id));
        using var hit = await deployment.GetAsync(path);
        Assert.That(hit.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(
            await hit.Content.ReadAsStringAsync(),
            Is.EqualTo($$"""{"id":{{id}},"name":"Thé «vert»","price":123.45,"description":"With \"quotes\" & <tags>"}"""));
        Assert.That(hit.Content.Headers.ContentType!.ToString(), Is.EqualTo("application/json; charset=utf-8"));
        Assert.That(hit.Headers.ETag!.IsWeak, Is.False);
        Assert.That(hit.Headers.ETag.Tag, Is.EqualTo($"\"{await VersionAsync(id)}\""));
        Assert.That(hit.Headers.Age, Is.Not.Null);
        Assert.That(hit.Headers.CacheControl!.ToString(), Is.EqualTo("public, no-cache"));
        Assert.That(Header(hit, "Cache-Tag"), Is.EqualTo($"products,product-{id}"));
        Assert.That(Header(hit, "Surrogate-Key"), Is.EqualTo($"products product-{id}"));
        Assert.That(Header(hit, "Cache-Status"), Does.Match(@"^ProductCache; hit; ttl=\d+; detail=(near|redis)$"));
    }

    [Test]
    public async Task AReaderWhoPrefersToWaitGetsTheProductAtOnce()
    {
        var id = await deployment.InsertAsync();

        using var answer = await deployment.GetAsync(id, "respond-async, wait=9");

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(Header(answer, "Preference-Applied"), Is.EqualTo("wait=9"));
        Assert.That(Header(answer, "Cache-Status"), Does.Match(@"^ProductCache; fwd=miss; stored; ttl=\d+$"));
    }

    [Test]
    public Task AMissWithoutAPreferenceAnswersWithTheProduct() => Eventually.TrueAsync(async () =>
    {
        // On a busy machine the fill of one product may take longer than the wait.
        using var answer = await deployment.GetAsync(await deployment.InsertAsync());
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            return false;
        }

        Assert.That(answer.Headers.Contains("Preference-Applied"), Is.False);
        Assert.That(Header(answer, "Cache-Status"), Does.Match(@"^ProductCache; fwd=miss; stored; ttl=\d+$"));
        return true;
    });

    [Test]
    public async Task AnUnknownProductIsNotFoundAndRemembered()
    {
        var id = TestProducts.NewId();

        using var waited = await deployment.GetAsync(id, "wait=9");
        using var hit = await deployment.GetAsync(id);

        foreach (var answer in new[] { waited, hit })
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
            Assert.That(answer.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/problem+json"));
        }

        Assert.That(Header(hit, "Cache-Status"), Does.Match(@"^ProductCache; hit; ttl=\d+; detail=(near|redis)$"));
    }

    [Test]
    public async Task AReaderWhoHasTheVersionGetsNoBody()
    {
        var id = await deployment.InsertAsync();
        await deployment.FillAsync(id);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/productapp/{id}/");
        request.Headers.TryAddWithoutValidation("If-None-Match", $"\"other\", W/\"{await VersionAsync(id)}\"");

        using var answer = await deployment.Http.SendAsync(request);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NotModified));
        Assert.That(await answer.Content.ReadAsByteArrayAsync(), Is.Empty);
        Assert.That(answer.Headers.ETag, Is.Not.Null);
        Assert.That(Header(answer, "Cache-Status"), Does.StartWith("ProductCache; hit"));
    }

    [Test]
    public async Task ManyAreReadAtOnceEachWithItsOwnStatus()
    {
        var (cached, missed, unknown) = (await deployment.InsertAsync("Cached"), await deployment.InsertAsync(), TestProducts.NewId());
        await deployment.FillAsync(cached);
        using var remembered = await deployment.GetAsync(unknown, "wait=9");

        using var answer = await deployment.GetAsync($"/api/v1/products?ids={missed},{cached},{unknown},{cached}", "wait=0");

        var items = await ItemsAsync(answer);
        Assert.That(items.Select(item => item.GetProperty("id").GetInt64()), Is.EqualTo(new[] { missed.Value, cached.Value, unknown.Value }));
        Assert.That(items.Select(StatusOf), Is.EqualTo(new[] { "requested", "hit", "absent" }));
        Assert.That(items[1].GetProperty("version").GetInt64(), Is.EqualTo(await VersionAsync(cached)));
        Assert.That(items[1].GetProperty("product").GetProperty("name").GetString(), Is.EqualTo("Cached"));
        Assert.That(answer.Headers.CacheControl!.NoStore, Is.True);
        await Eventually.TrueAsync(() => deployment.IsCachedAsync(missed));
    }

    [Test]
    public async Task ManyMissesAreWaitedForTogetherAndAskedForOnce()
    {
        List<ProductId> ids = [];
        for (var i = 0; i < 50; i++)
        {
            ids.Add(await deployment.InsertAsync());
        }

        var published = RecordCount();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/products?ids={string.Join(',', ids)}") { Headers = { { "Prefer", "wait=9" } } };
        using var answer = await deployment.Http.SendAsync(request);

        Assert.That((await ItemsAsync(answer)).Select(StatusOf), Has.Exactly(ids.Count).EqualTo("hit"));
        Assert.That(Header(answer, "Preference-Applied"), Is.EqualTo("wait=9"));
        Assert.That(Header(answer, "Cache-Status"), Does.StartWith("ProductCache; fwd=miss; stored"));
        Assert.That(RecordCount() - published, Is.EqualTo(ids.Count));
    }

    [TestCase("?ids=")]
    [TestCase("?ids=1,x")]
    public async Task WhatIsNoListOfIdsIsRefused(string query)
    {
        using var answer = await deployment.GetAsync($"/api/v1/products{query}");

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await ProblemAsync(answer)).GetProperty("type").GetString(), Is.EqualTo("/problems/not-a-list-of-ids"));
    }

    [TestCase("/productapp/{0}/")]
    [TestCase("/api/v1/products/{0}")]
    [TestCase("/api/v1/products?ids={0}")]
    public async Task HeadHasTheHeadersOfGetAndNoBody(string route)
    {
        var id = await deployment.InsertAsync();
        await deployment.FillAsync(id);
        using var get = await deployment.GetAsync(string.Format(CultureInfo.InvariantCulture, route, id));
        using var request = new HttpRequestMessage(HttpMethod.Head, string.Format(CultureInfo.InvariantCulture, route, id));

        using var head = await deployment.Http.SendAsync(request);

        Assert.That(head.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await head.Content.ReadAsByteArrayAsync(), Is.Empty);
        Assert.That(head.Content.Headers.ContentType, Is.EqualTo(get.Content.Headers.ContentType));
        Assert.That(head.Headers.ETag, Is.EqualTo(get.Headers.ETag));
    }

    [TestCase("/productapp/{0}/")]
    [TestCase("/api/v1/products?ids={0}")]
    public async Task OnlyWhatIsCachedIsAnsweredToAReaderWhoWantsNothingElse(string route)
    {
        var id = await deployment.InsertAsync();
        var path = string.Format(CultureInfo.InvariantCulture, route, id);
        var published = RecordCount();

        using var miss = await OnlyIfCachedAsync(path);
        Assert.That(miss.StatusCode, Is.EqualTo(HttpStatusCode.GatewayTimeout));
        Assert.That((await ProblemAsync(miss)).GetProperty("type").GetString(), Is.EqualTo("/problems/not-cached"));
        Assert.That(RecordCount(), Is.EqualTo(published));

        await deployment.FillAsync(id);
        using var hit = await OnlyIfCachedAsync(path);
        Assert.That(hit.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task AProblemHasAPageAndATraceThatIsTheServersOwn()
    {
        const string Trace = "0af7651916cd43dd8448eb211c80319c";
        using var request = new HttpRequestMessage(HttpMethod.Get, "/productapp/x/") { Headers = { { "traceparent", $"00-{Trace}-b7ad6b7169203331-01" } } };

        using var answer = await deployment.Http.SendAsync(request);
        var problem = await ProblemAsync(answer);
        using var page = await deployment.GetAsync(problem.GetProperty("type").GetString()!);

        Assert.That(problem.GetProperty("traceId").GetString(), Has.Length.EqualTo(32).And.Not.EqualTo(Trace));
        Assert.That(page.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(page.Content.Headers.ContentType!.MediaType, Is.EqualTo("text/markdown"));
        Assert.That(await page.Content.ReadAsStringAsync(), Does.StartWith($"# {problem.GetProperty("title").GetString()}\n"));
    }

    [Test]
    public async Task APageOfNoProblemIsNotFound()
    {
        using var answer = await deployment.GetAsync("/problems/none");

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [TestCaseSource(nameof(BadIds))]
    public async Task WhatIsNoProductIdIsRefusedAndAsksForNothing(string id)
    {
        var published = RecordCount();
        var keys = await KeyCountAsync();

        using var answer = await deployment.GetAsync($"/productapp/{id}/");

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(answer.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/problem+json"));
        Assert.That(JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("status").GetInt32(), Is.EqualTo(400));
        Assert.That(RecordCount(), Is.EqualTo(published));
        Assert.That(await KeyCountAsync(), Is.EqualTo(keys));
    }

    [Test]
    public async Task AnUnknownRouteIsNotFound()
    {
        using var answer = await deployment.GetAsync("/productapp/1/2");

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That(answer.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/problem+json"));
    }

    [TestCase("POST")]
    [TestCase("PUT")]
    [TestCase("DELETE")]
    [TestCase("PATCH")]
    public async Task AnotherMethodIsNotAllowed(string method)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/productapp/1/");

        using var answer = await deployment.Http.SendAsync(request);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
        Assert.That(answer.Content.Headers.Allow, Does.Contain("GET"));
        Assert.That(answer.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/problem+json"));
    }

    [Test]
    public async Task ARecordThatIsNoRequestIsDeadLetteredAndThePartitionGoesOn()
    {
        using var producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = deployment.Kafka.Bootstrap }).Build();
        string[] poison = ["not json", """{"productId":"x"}""", """{"productId":0}""", "{}", """{"productId":-5}"""];
        var key = $"poison-{Guid.NewGuid():N}";
        foreach (var value in poison)
        {
            await producer.ProduceAsync(Topics.ProductRequests, new Message<string, string> { Key = key, Value = value });
        }

        await Eventually.TrueAsync(() => CountOf(Topics.ProductRequests + Topics.DeadLetterSuffix, key) == poison.Length);
        await deployment.FillAsync(await deployment.InsertAsync());
    }

    [Test]
    public async Task HealthAndMetricsAnswer()
    {
        using var health = await deployment.GetAsync("/health/live");
        using var metrics = await deployment.GetAsync("/metrics");

        Assert.That(health.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await metrics.Content.ReadAsStringAsync(), Does.Contain("process_runtime_dotnet").Or.Contain("dotnet_"));
    }

    private async Task<HttpResponseMessage> OnlyIfCachedAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Cache-Control", "only-if-cached" } } };
        return await deployment.Http.SendAsync(request);
    }

    private static async Task<JsonElement> ProblemAsync(HttpResponseMessage answer)
    {
        Assert.That(answer.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/problem+json"));
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
    }

    private static async Task<List<JsonElement>> ItemsAsync(HttpResponseMessage answer)
    {
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        return [.. JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("items").EnumerateArray()];
    }

    private static string? StatusOf(JsonElement item) => item.GetProperty("status").GetString();

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;

    private async Task<long> VersionAsync(ProductId id)
    {
        await using var command = deployment.DataSource.CreateCommand("SELECT version FROM products WHERE id = $1");
        command.Parameters.AddWithValue(id.Value);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private async Task<long> KeyCountAsync()
    {
        // Entries of other tests may expire meanwhile: none of these keys does within the test.
        var server = deployment.RedisConnection.GetServers()[0];
        return await server.KeysAsync(pattern: "*{[^0-9]*}*").CountAsync();
    }

    private long RecordCount() => deployment.ReadTopic(Topics.ProductRequests).Count;

    private int CountOf(string topic, string key) => deployment.ReadTopic(topic).Count(record => record.Message.Key == key);
}
