using System.Net;
using System.Text.Json.Nodes;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests;

/// <summary>Server-sent events of an Api on real servers.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class EventStreamTests
{
    private const int OfOneClient = 5;

    private RunningService service = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        service = await RunningService.StartAsync(null, ("API_EVENT_STREAMS_PER_CLIENT", $"{OfOneClient}"));
        await service.ExecuteAsync("INSERT INTO products (id, name, price) SELECT id, 'Tea ' || id, 1 FROM generate_series(1, 20) id");
    }

    [OneTimeTearDown]
    public Task StopAsync() => service.DisposeAsync().AsTask();

    [Test]
    public async Task AStreamHasTheStateNowAndEachChange()
    {
        foreach (var id in new[] { 1, 2, 900 })
        {
            await service.ReadAsync(id);
        }

        await using var stream = await OpenAsync("ids=1,2,900");

        var states = await stream.ProductsAsync(3);
        Assert.That(states.Select(state => $"{state["id"]} {state["status"]}"), Is.EqualTo(new[] { "1 current", "2 current", "900 absent" }));
        Assert.That(states[0]["product"]!["name"]!.GetValue<string>(), Is.EqualTo("Tea 1"));

        await service.ExecuteAsync("UPDATE products SET price = 2 WHERE id IN (2, 3)");
        var changed = (await stream.ProductsAsync(1))[0];
        Assert.That((changed["id"]!.GetValue<int>(), changed["product"]!["price"]!.GetValue<decimal>()), Is.EqualTo((2, 2m)));
        Assert.That(changed["version"]!.GetValue<long>(), Is.EqualTo(await service.ScalarAsync("SELECT version FROM products WHERE id = 2")));

        await service.ExecuteAsync("DELETE FROM products WHERE id = 1; INSERT INTO products (id, name, price) VALUES (900, 'New', 1)");
        List<string> last = [];
        await Eventually.TrueAsync(async () =>
        {
            // On a busy machine a deleted product may be unknown for a moment.
            var state = (await stream.ProductsAsync(1))[0];
            last.Add($"{state["id"]} {state["status"]}");
            return last.Contains("1 absent") && last.Contains("900 current");
        });
    }

    [Test]
    public async Task AReaderThatConnectsAgainGetsWhatItMissed()
    {
        string position;
        await using (var stream = await OpenAsync("ids=4,5"))
        {
            await stream.ProductsAsync(2);
            position = stream.Position!;
        }

        await service.ExecuteAsync("UPDATE products SET price = 7 WHERE id = 5");
        await Eventually.TrueAsync(async () => (await service.ReadAsync(5)).Contains("\"price\":7", StringComparison.Ordinal));
        await using var again = await OpenAsync("ids=4,5", position);

        // Fills count as changes: the first stream may have filled both, and ended before it heard of that.
        List<JsonNode> missed = [];
        while (missed.Count == 0 || missed[^1]["id"]!.GetValue<int>() != 5)
        {
            missed.AddRange(await again.ProductsAsync(1));
        }

        Assert.That(missed[^1]["product"]!["price"]!.GetValue<decimal>(), Is.EqualTo(7));
    }

    [Test]
    public async Task OfAnotherEpochAReaderGetsAll()
    {
        await using var stream = await OpenAsync("ids=6,7", "another:1");

        Assert.That((await stream.NextAsync()).Event, Is.EqualTo("reset"));
        Assert.That((await stream.ProductsAsync(2)).Select(state => (int)state["id"]!), Is.EqualTo(new[] { 6, 7 }));
    }

    [Test]
    public async Task ATagIsFollowedWithoutItsProducts()
    {
        await service.ReadAsync(8);
        await using var stream = await OpenAsync("tag=products");
        Assert.That((await stream.NextAsync()).Event, Is.EqualTo("heartbeat"));

        await service.ExecuteAsync("UPDATE products SET price = 8 WHERE id = 8");

        await Eventually.TrueAsync(async () => (await stream.ProductsAsync(1))[0]["product"]?["price"]?.GetValue<decimal>() == 8m);
    }

    [TestCase("", "A stream needs either ids")]
    [TestCase("ids=1&tag=products", "A stream needs either ids")]
    [TestCase("tag=a&tag=b", "A stream needs either ids")]
    [TestCase("ids=x", "Value 1 is not a product id")]
    [TestCase("tag=", "A tag has 1 to 200 characters")]
    [TestCase("tag=%C3%A9", "A tag has 1 to 200 characters")]
    public async Task WhatIsNoStreamIsRefused(string query, string detail)
    {
        using var answer = await service.Api.GetAsync(new Uri($"/api/v1/products/events?{query}", UriKind.Relative));

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain(detail));
    }

    [TestCase(201, 400)]
    [TestCase(10_000, 414)]
    public async Task TooManyIdsAreRefused(int count, int status)
    {
        using var answer = await service.Api.GetAsync(new Uri($"/api/v1/products/events?ids={string.Join(',', Enumerable.Range(1, count))}", UriKind.Relative));

        Assert.That((int)answer.StatusCode, Is.EqualTo(status));
    }

    [Test]
    public async Task OneClientHasItsShareOfStreams()
    {
        List<TestStream> streams = [];
        try
        {
            await Eventually.TrueAsync(async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/products/events?ids=9");
                var answer = await service.Api.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    streams.Add(new TestStream(answer));
                    return false;
                }

                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.TooManyRequests));
                answer.Dispose();
                return true;
            });
            Assert.That(streams, Has.Count.LessThanOrEqualTo(OfOneClient));
        }
        finally
        {
            foreach (var stream in streams)
            {
                await stream.DisposeAsync();
            }
        }

        await Eventually.TrueAsync(async () =>
        {
            using var answer = await service.Api.GetAsync(new Uri("/api/v1/products/events?ids=9", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
            return answer.StatusCode == HttpStatusCode.OK;
        });
    }

    private async Task<TestStream> OpenAsync(string query, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/products/events?{query}");
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        HttpResponseMessage answer = null!;
        await Eventually.TrueAsync(async () =>
        {
            // The place of a stream that has just been closed is free a moment later.
            using var again = new HttpRequestMessage(request.Method, request.RequestUri);
            foreach (var header in request.Headers)
            {
                again.Headers.TryAddWithoutValidation(header.Key, header.Value);
            }

            answer = await service.Api.SendAsync(again, HttpCompletionOption.ResponseHeadersRead);
            return answer.StatusCode != HttpStatusCode.TooManyRequests;
        });
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(answer.Content.Headers.ContentType!.MediaType, Is.EqualTo("text/event-stream"));
        return new TestStream(answer);
    }

    /// <summary>Reads events line by line.</summary>
    private sealed class TestStream(HttpResponseMessage answer) : IAsyncDisposable
    {
        private StreamReader? reader;

        public string? Position { get; private set; }

        public async Task<(string Event, string Data)> NextAsync()
        {
            reader ??= new StreamReader(await answer.Content.ReadAsStreamAsync());
            var (name, data) = ("message", string.Empty);
            while (await reader.ReadLineAsync().WaitAsync(Eventually.Patience) is { } line)
            {
                if (line.Length == 0 && data.Length > 0)
                {
                    return (name, data);
                }

                var (key, value) = (line.Split(": ", 2)[0], line.Split(": ", 2)[^1]);
                switch (key)
                {
                    case "event":
                        name = value;
                        break;
                    case "data":
                        data = value;
                        break;
                    case "id":
                        Position = value;
                        break;
                }
            }

            throw new EndOfStreamException();
        }

        public async Task<List<JsonNode>> ProductsAsync(int count)
        {
            List<JsonNode> products = [];
            while (products.Count < count)
            {
                if (await NextAsync() is ("product", var data))
                {
                    products.Add(JsonNode.Parse(data)!);
                }
            }

            return products;
        }

        public ValueTask DisposeAsync()
        {
            reader?.Dispose();
            answer.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
