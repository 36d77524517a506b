using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ProductCache.Domain;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>Writing over HTTP, and leafing through what was written.</summary>
[Category(TestCategories.Servers)]
public sealed class WritePathTests
{
    private const string Products = "/api/v1/products";
    private const string Tea = """{"name":"Tea","price":3.5,"description":"Green"}""";
    private const string Json = "application/json";
    private const string MergePatch = "application/merge-patch+json";

    private static readonly NewApiKey Key = NewApiKey.Create("writer", [Scopes.Write, Scopes.Administer]);

    private Deployment deployment = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        deployment = await Deployment.StartAsync(("API_KEYS", Key.Line), ("API_LISTS_PER_SECOND", "0"), ("API_WRITES_PER_SECOND", "0"), ("NEAR_CACHE_TTL_SECONDS", "3600"));
        deployment.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key.Text);
    }

    [OneTimeTearDown]
    public ValueTask StopAsync() => deployment.DisposeAsync();

    [Test]
    public async Task AProductIsCreatedChangedAndDeletedAndReadersSeeIt()
    {
        using var created = await SendAsync("POST", Products, Tea);
        Assert.That(created.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        var (path, id) = (created.Headers.Location!.ToString(), (await JsonAsync(created)).GetProperty("id").GetInt64());
        Assert.That(path, Is.EqualTo($"{Products}/{id}"));
        Assert.That(await BodyAsync(created), Is.EqualTo($$"""{"id":{{id}},"name":"Tea","price":3.50,"description":"Green"}"""));
        Assert.That(Header(created, "Cache-Status"), Is.EqualTo("ProductCache; fwd=method"));
        Assert.That(created.Headers.CacheControl!.NoStore, Is.True);
        Assert.That(await ReadAsync(path, created), Is.EqualTo(await BodyAsync(created)));

        using var replaced = await SendAsync("PUT", path, $$"""{"id":{{id}},"name":"Coffee","price":4}""", ("If-Match", TagOf(created)));
        Assert.That(replaced.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await BodyAsync(replaced), Is.EqualTo($$"""{"id":{{id}},"name":"Coffee","price":4.00,"description":""}"""));
        Assert.That(await ReadAsync(path, replaced), Is.EqualTo(await BodyAsync(replaced)));

        using var patched = await SendAsync("PATCH", path, """{"description":"Black"}""", ("If-Match", $"\"1\", {TagOf(replaced)}"));
        Assert.That(await BodyAsync(patched), Is.EqualTo($$"""{"id":{{id}},"name":"Coffee","price":4.00,"description":"Black"}"""));
        Assert.That(await ReadAsync(path, patched), Is.EqualTo(await BodyAsync(patched)));

        using var deleted = await SendAsync("DELETE", path, null, ("If-Match", TagOf(patched)));
        Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        using var gone = await SendAsync("GET", path, null, ("Cache-Control", "no-cache"), ("Prefer", "wait=9"));
        Assert.That(gone.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task AChangeOfWhatSomebodyElseHasChangedIsRefused()
    {
        using var created = await SendAsync("POST", Products, Tea);
        var path = created.Headers.Location!.ToString();
        using var theirs = await SendAsync("PATCH", path, """{"price":4}""", ("If-Match", TagOf(created)));

        foreach (var (method, body) in new[] { ("PUT", Tea), ("PATCH", "{}"), ("DELETE", null) })
        {
            foreach (var seen in new[] { TagOf(created), $"W/{TagOf(theirs)}", "\"x\"" })
            {
                using var ours = await SendAsync(method, path, body, ("If-Match", seen));
                await IsProblemAsync(ours, 412, "precondition-failed");
            }
        }

        using var any = await SendAsync("PUT", path, Tea, ("If-Match", "*"));
        Assert.That(any.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task AConditionThatTheVersionMustNotMeetHoldsForEveryMethod()
    {
        using var created = await SendAsync("POST", Products, Tea);
        var (path, tag) = (created.Headers.Location!.ToString(), TagOf(created));
        foreach (var (method, body) in new[] { ("PUT", Tea), ("PATCH", "{}"), ("DELETE", null) })
        {
            foreach (var unwanted in new[] { tag, $"W/{tag}", $"\"1\", {tag}", "*" })
            {
                using var refused = await SendAsync(method, path, body, ("If-None-Match", unwanted), ("If-Match", "*"));
                await IsProblemAsync(refused, 412, "precondition-failed");
            }
        }

        using var never = await SendAsync("PUT", path, Tea, ("If-None-Match", "*"));
        await IsProblemAsync(never, 412, "precondition-failed");
        using var deleted = await SendAsync("DELETE", path, null, ("If-None-Match", "\"1\""));
        Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [TestCase("GET")]
    [TestCase("HEAD")]
    public async Task AReadOfAnotherVersionThanIfMatchNamesFails(string method)
    {
        using var created = await SendAsync("POST", Products, Tea);
        var (path, tag) = (created.Headers.Location!.ToString(), TagOf(created));
        await ReadAsync(path, created);
        using var same = await SendAsync(method, path, null, ("If-Match", tag));
        using var other = await SendAsync(method, path, null, ("If-Match", "\"1\""), ("If-None-Match", tag));
        using var both = await SendAsync(method, path, null, ("If-Match", tag), ("If-None-Match", tag));

        Assert.That(same.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.PreconditionFailed));
        Assert.That(TagOf(other), Is.EqualTo(tag));
        Assert.That(both.StatusCode, Is.EqualTo(HttpStatusCode.NotModified));
    }

    [Test]
    public async Task ARepeatedCreationCreatesNothingMore()
    {
        var key = Guid.NewGuid().ToString();
        using var first = await SendAsync("POST", Products, Tea, ("Idempotency-Key", key));
        using var again = await SendAsync("POST", Products, Tea, ("Idempotency-Key", key));
        using var other = await SendAsync("POST", Products, """{"name":"Coffee","price":1}""", ("Idempotency-Key", key));

        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(again.Headers.Location, Is.EqualTo(first.Headers.Location));
        Assert.That(TagOf(again), Is.EqualTo(TagOf(first)));
        Assert.That(await BodyAsync(again), Is.EqualTo(await BodyAsync(first)));
        await IsProblemAsync(other, 422, "idempotency-key-reused");
    }

    // What is wrong, with which request, and what the answer is. Nothing of it may write.
    [TestCase("POST", Products, "[1]", null, 422, "invalid-product")]
    [TestCase("POST", Products, "{", null, 400, "malformed-body")]
    [TestCase("POST", Products, "", null, 400, "malformed-body")]
    [TestCase("POST", Products, Tea, "Idempotency-Key: a b", 400, "not-an-idempotency-key")]
    [TestCase("POST", Products, Tea, "Idempotency-Key:", 400, "not-an-idempotency-key")]
    [TestCase("POST", Products, Tea, "Content-Encoding: gzip", 415, "unsupported-content")]
    [TestCase("PUT", Products + "/x", Tea, "If-Match: *", 400, "not-a-product-id")]
    [TestCase("PUT", Products + "/1", Tea, null, 428, "precondition-required")]
    [TestCase("PUT", Products + "/1", Tea, "If-Match: 5", 400, "not-a-precondition")]
    [TestCase("PUT", Products + "/9223372036854775807", Tea, "If-Match: *", 404, "no-such-product")]
    [TestCase("PUT", Products + "/1", """{"price":1}""", "If-Match: *", 422, "invalid-product")]
    [TestCase("PATCH", Products + "/1", "{}", null, 428, "precondition-required")]
    [TestCase("PATCH", Products + "/1", """{"name":null}""", "If-Match: *", 422, "invalid-product")]
    [TestCase("PATCH", Products + "/9223372036854775807", "{}", "If-Match: \"1\"", 404, "no-such-product")]
    [TestCase("DELETE", Products + "/0", null, null, 400, "not-a-product-id")]
    [TestCase("DELETE", Products + "/1", null, "If-Match: x", 400, "not-a-precondition")]
    [TestCase("DELETE", Products + "/9223372036854775807", null, null, 404, "no-such-product")]
    [TestCase("PUT", Products + "/1", Tea, "If-None-Match: \"5\"", 428, "precondition-required")]
    [TestCase("PUT", Products + "/1", Tea, "If-None-Match: 5", 400, "not-a-precondition")]
    [TestCase("PUT", Products + "/9223372036854775807", Tea, "If-None-Match: *", 404, "no-such-product")]
    [TestCase("DELETE", Products + "/1", null, "If-None-Match: x", 400, "not-a-precondition")]
    [TestCase("DELETE", Products + "/9223372036854775807", null, "If-None-Match: *", 404, "no-such-product")]
    [TestCase("POST", Products, Tea, "If-None-Match: *", 412, "precondition-failed")]
    [TestCase("POST", Products, Tea, "If-Match: \"5\"", 412, "precondition-failed")]
    [TestCase("POST", Products, Tea, "If-Match: 5", 400, "not-a-precondition")]
    [TestCase("GET", Products + "?limit=1", null, "If-Match: \"5\"", 412, "precondition-failed")]
    [TestCase("GET", Products + "?ids=1", null, "If-Match: \"5\"", 412, "precondition-failed")]
    [TestCase("GET", Products + "/1", null, "If-Match: 5", 400, "not-a-precondition")]
    [TestCase("DELETE", "/api/v1/cache/products/0", null, null, 400, "not-a-product-id")]
    [TestCase("GET", Products + "?limit=0", null, null, 400, "not-a-page")]
    [TestCase("GET", Products + "?limit=501", null, null, 400, "not-a-page")]
    [TestCase("GET", Products + "?limit=1&limit=2", null, null, 400, "not-a-page")]
    [TestCase("GET", Products + "?after=x", null, null, 400, "not-a-page")]
    [TestCase("GET", Products + "?after=", null, null, 400, "not-a-page")]
    [TestCase("GET", Products + "?q=te", null, null, 400, "not-a-page")]
    [TestCase("GET", Products + "?q=te%00a", null, null, 400, "not-a-page")]
    [TestCase("GET", Products + "?page=2", null, null, 400, "not-a-page")]
    [TestCase("GET", Products + "?ids=1&limit=3", null, null, 400, "not-a-list-of-ids")]
    [TestCase("GET", Products + "?ids=", null, null, 400, "not-a-list-of-ids")]
    public async Task AWrongRequestIsToldWhatIsWrong(string method, string path, string? body, string? header, int status, string type)
    {
        var rows = await CountAsync();
        var headers = header?.Split(':', 2, StringSplitOptions.TrimEntries);

        using var answer = await SendAsync(method, path, body, headers is [var name, var value] ? [(name, value)] : []);

        await IsProblemAsync(answer, status, type);
        Assert.That(await CountAsync(), Is.EqualTo(rows));
    }

    [Test]
    public async Task ABodyOfAnotherTypeIsRefusedWithTheRightOne()
    {
        using var post = await SendAsync("POST", Products, Tea, ("Content-Type", "text/plain"));
        using var patch = await SendAsync("PATCH", $"{Products}/1", "{}", ("Content-Type", Json), ("If-Match", "*"));

        await IsProblemAsync(post, 415, "unsupported-content");
        Assert.That(Header(post, "Accept"), Is.EqualTo(Json));
        await IsProblemAsync(patch, 415, "unsupported-content");
        Assert.That(Header(patch, "Accept-Patch"), Is.EqualTo(MergePatch));
    }

    // GET escapes what is outside of the Basic Multilingual Plane; a client may send it either way.
    [TestCase(true)]
    [TestCase(false)]
    public async Task TheLongestProductCanBePutBackAsItWasRead(bool escaped)
    {
        var name = string.Concat(Enumerable.Repeat("😀", ProductLimits.MaxNameLength));
        var description = string.Concat(Enumerable.Repeat("😀", ProductLimits.MaxDescriptionLength));
        var id = await deployment.InsertAsync(name, 9_999_999_999.99m, description);
        var path = $"{Products}/{id}";
        using var read = await SendAsync("GET", path, null, ("Prefer", "wait=9"));
        var body = await BodyAsync(read);
        var sent = escaped ? body : body.Replace(@"\uD83D\uDE00", "😀", StringComparison.Ordinal);
        Assert.That(sent.Contains('\\', StringComparison.Ordinal), Is.EqualTo(escaped));

        using var put = await SendAsync("PUT", path, sent, ("If-Match", TagOf(read)));

        Assert.That(put.StatusCode, Is.EqualTo(HttpStatusCode.OK), await BodyAsync(put));
        Assert.That(await BodyAsync(put), Is.EqualTo(body));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task ABodyThatIsTooLargeIsRefused(bool chunked)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Products) { Content = new StringContent(new string(' ', 523_809), Encoding.UTF8, Json) };
        request.Headers.TransferEncodingChunked = chunked;

        using var answer = await deployment.Http.SendAsync(request);

        await IsProblemAsync(answer, 413, "body-too-large");
        Assert.That(answer.Headers.ConnectionClose, Is.True);
    }

    [Test]
    public async Task PagesLeadThroughAllProductsInTheOrderOfTheirIds()
    {
        var mark = $"leaf {Guid.NewGuid():N}";
        List<long> written = [];
        for (var i = 0; i < 5; i++)
        {
            using var created = await SendAsync("POST", Products, $$"""{"name":"{{mark.ToUpperInvariant()}} & {{i}}","price":{{i}}}""");
            written.Add((await JsonAsync(created)).GetProperty("id").GetInt64());
        }

        List<long> read = [];
        var (path, pages) = ($"{Products}?limit=2&q={Uri.EscapeDataString(mark + " &")}", 0);
        while (path is not null)
        {
            using var page = await deployment.GetAsync(path);
            Assert.That(page.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(Header(page, "Cache-Status"), Is.EqualTo("ProductCache; fwd=bypass"));
            var json = await JsonAsync(page);
            read.AddRange(json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetInt64()));
            path = page.Headers.TryGetValues("Link", out var links) ? links.Single()[1..].Split('>')[0] : null;
            Assert.That(json.TryGetProperty("next", out _), Is.EqualTo(path is not null));
            pages++;
        }

        Assert.That(read, Is.EqualTo(written));
        Assert.That(pages, Is.EqualTo(3));
        using var all = await deployment.GetAsync($"{Products}?limit=500");
        Assert.That((await JsonAsync(all)).GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetInt64()), Is.SupersetOf(written).And.Ordered);
        Assert.That(await deployment.IsCachedAsync(new Domain.ProductId(written[0])), Is.False);
    }

    // As JavaScript reads a number: a double.
    [Test]
    public async Task AnIdThatJavaScriptRoundsIsExactInItsLinksAndWarnedOfOnce()
    {
        await using var own = await Deployment.StartAsync(("API_KEYS", Key.Line), ("TRUSTED_PROXIES", "127.0.0.0/8"));
        own.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key.Text);
        own.Http.DefaultRequestHeaders.Add("X-Forwarded-Prefix", "/shop");
        await own.ExecuteAsync("INSERT INTO products (id, name, price) VALUES (9007199254740993, 'Large', 1), (1, 'Small', 1)");
        await own.ExecuteAsync("ALTER TABLE products ALTER COLUMN id RESTART WITH 9007199254740995");
        for (var i = 0; i < 2; i++)
        {
            using var content = new StringContent(Tea, Encoding.UTF8, Json);
            using var created = await own.Http.PostAsync(new Uri(Products, UriKind.Relative), content);
            Assert.That(created.Headers.Location!.ToString(), Is.EqualTo($"/shop{Products}/{9007199254740995 + i}"));
        }

        using var list = await own.GetAsync($"{Products}?limit=2");
        using var miss = await own.GetAsync(new ProductId(9007199254740993), "respond-async");

        var items = (await JsonAsync(list)).GetProperty("items").EnumerateArray().ToList();
        Assert.That(items.Select(item => item.GetProperty("self").GetString()), Is.EqualTo(new[] { $"/shop{Products}/1", $"/shop{Products}/9007199254740993" }));
        Assert.That((long)items[1].GetProperty("id").GetDouble(), Is.Not.EqualTo(9007199254740993L));
        Assert.That(Header(list, "Link"), Does.StartWith($"</shop{Products}?"));
        Assert.That(miss.Headers.Location!.ToString(), Is.EqualTo("/shop/productapp/9007199254740993/"));
        Assert.That(own.Api.Output.Split(Environment.NewLine).Count(line => line.Contains("JavaScript", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [Test]
    public async Task APurgedProductIsReadAnew()
    {
        var id = await deployment.InsertAsync();
        await deployment.FillAsync(id);
        using var near = await deployment.GetAsync(id);

        using var purged = await SendAsync("DELETE", $"/api/v1/cache/products/{id}", null);

        Assert.That(purged.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await deployment.IsCachedAsync(id), Is.False);
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await SendAsync("GET", $"/productapp/{id}/", null, ("Cache-Control", "only-if-cached"));
            return answer.StatusCode == HttpStatusCode.GatewayTimeout;
        });
    }

    [TestCase("/productapp/1", "GET, HEAD, OPTIONS")]
    [TestCase("/api/v1/products", "GET, HEAD, OPTIONS, POST")]
    [TestCase("/api/v1/products/1", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT")]
    [TestCase("/api/v1/cache/products/1", "DELETE, OPTIONS")]
    public async Task OptionsTellWhatThereIs(string path, string allow)
    {
        using var options = await SendAsync("OPTIONS", path, null);
        using var wrong = await SendAsync("TRACE", path, null);

        Assert.That(options.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(string.Join(", ", options.Content.Headers.Allow), Is.EqualTo(allow));
        Assert.That(wrong.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
    }

    private async Task<HttpResponseMessage> SendAsync(string method, string path, string? body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(method == "PATCH" ? MergePatch : Json);
        }

        foreach (var (name, value) in headers)
        {
            if (name == "Content-Type")
            {
                request.Content!.Headers.ContentType = MediaTypeHeaderValue.Parse(value);
            }
            else if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                request.Content!.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return await deployment.Http.SendAsync(request);
    }

    // What a writer reads after its own write.
    private async Task<string> ReadAsync(string path, HttpResponseMessage written)
    {
        using var answer = await SendAsync("GET", path, null, ("Product-Version-At-Least", TagOf(written).Trim('"')), ("Prefer", "wait=9"));
        var body = await BodyAsync(answer);
        Assert.That(answer.Headers.ETag?.ToString(), Is.EqualTo(TagOf(written)), body);
        return body;
    }

    private Task<long> CountAsync() => deployment.ScalarAsync("SELECT count(*) FROM products");

    private static async Task IsProblemAsync(HttpResponseMessage answer, int status, string type)
    {
        var body = await BodyAsync(answer);
        Assert.That((int)answer.StatusCode, Is.EqualTo(status), body);
        Assert.That(answer.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/problem+json"));
        Assert.That(JsonDocument.Parse(body).RootElement.GetProperty("type").GetString(), Is.EqualTo($"/problems/{type}"));
    }

    private static string TagOf(HttpResponseMessage answer) => answer.Headers.ETag!.ToString();

    private static string Header(HttpResponseMessage answer, string name) => string.Join('|', answer.Headers.GetValues(name));

    private static Task<string> BodyAsync(HttpResponseMessage answer) => answer.Content.ReadAsStringAsync();

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage answer) => JsonDocument.Parse(await BodyAsync(answer)).RootElement;
}
