using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>What the Api does for its own safety and that of its clients: headers of every answer, limits, origins, log lines.</summary>
[Category(TestCategories.Servers)]
public sealed partial class ProtectionTests
{
    private const string Head = "Host: a\r\nConnection: close\r\n";
    private const string Shop = "https://shop.example";
    private const string AllowOrigin = "Access-Control-Allow-Origin";

    private const int RequestBodyLimit = 523_808;

    /// <summary>Far more than one client may ask for at once where it may ask once a second.</summary>
    private const int Many = 250;

    private static readonly (string Key, string Value) OnceASecond = ("API_REQUESTS_PER_SECOND", "1");

    private static readonly NewApiKey Writer = NewApiKey.Create("writer", [Scopes.Write]);
    private static readonly NewApiKey Administrator = NewApiKey.Create("operator", [Scopes.Administer]);

    // All that the framework can be made to say of a request.
    private static readonly (string Key, string Value)[] EverythingIsLogged =
    [
        ("Logging__LogLevel__Default", "Trace"),
        ("Logging__LogLevel__Microsoft", "Trace"),
        ("Logging__LogLevel__Microsoft.AspNetCore.Authentication", "Trace"),
        ("Logging__LogLevel__Microsoft.AspNetCore.Hosting.Diagnostics", "Trace"),
    ];

    private readonly int port = TestServer.FreePort();
    private ServiceUnderTest api = null!;

    public static IEnumerable<TestCaseData> Answers()
    {
        yield return Answer("GET", "/health/live", 200);
        yield return Answer("GET", "/problems/no-such-product", 200);
        yield return Answer("GET", "/productapp/01/", 400);
        yield return Answer("POST", "/api/v1/products", 401);
        yield return Answer("GET", "/nowhere", 404);
        yield return Answer("POST", "/productapp/1/", 405);
        yield return Answer("GET", "/productapp/1/", 503);
        yield return Answer("OPTIONS", "/productapp/1/", 204);

        static TestCaseData Answer(string method, string path, int status) =>
            new TestCaseData($"{method} {path} HTTP/1.1\r\n{Head}\r\n", status).SetArgDisplayNames($"{method} {path}");
    }

    public static IEnumerable<TestCaseData> Unparsed()
    {
        yield return new TestCaseData($"GET /productapp/%00/ HTTP/1.1\r\n{Head}\r\n", 400).SetArgDisplayNames("a null character in the path");

        // None of these ends, so that the service has read all of it when it answers: closed with bytes unread, a connection loses the answer.
        yield return new TestCaseData($"GET /{new string('a', 16 * 1024)}", 414).SetArgDisplayNames("a long request line");
        yield return new TestCaseData($"GET /health/live HTTP/1.1\r\n{Head}X: {new string('a', 32 * 1024)}", 431).SetArgDisplayNames("a long header");
        yield return new TestCaseData(
            $"GET /health/live HTTP/1.1\r\n{Head}{string.Concat(Enumerable.Repeat("X: a\r\n", 99))}", 431).SetArgDisplayNames("many headers");
    }

    [OneTimeSetUp]
    public async Task StartAsync() => api = await ServiceUnderTest.StartApiAloneAsync(port, [("API_KEYS", $"{Writer.Line};{Administrator.Line}"), .. EverythingIsLogged]);

    [OneTimeTearDown]
    public async Task StopAsync() => await api.DisposeAsync();

    [TestCaseSource(nameof(Answers))]
    public async Task EveryAnswerForbidsSniffingAndNamesNoServer(string request, int status)
    {
        using var connection = await RawConnection.OpenAsync(port);

        var answer = await connection.ExchangeAsync(request);

        Assert.That(RawConnection.StatusesOf(answer), Is.EqualTo(new[] { status }), answer);
        Assert.That(answer, Does.Contain("\r\nX-Content-Type-Options: nosniff\r\n").And.Not.Contain("\r\nServer:"));
        if (status >= 400)
        {
            var body = answer[answer.IndexOf('{', StringComparison.Ordinal)..(answer.LastIndexOf('}') + 1)];
            Assert.That(answer, Does.Contain("Content-Type: application/problem+json\r\n"));
            Assert.That(JsonDocument.Parse(body).RootElement.GetProperty("status").GetInt32(), Is.EqualTo(status));
        }
    }

    [TestCaseSource(nameof(Unparsed))]
    public async Task WhatTheServerCannotParseIsAnsweredWithoutABodyAndNamesNoServer(string request, int status)
    {
        using var connection = await RawConnection.OpenAsync(port);

        var answer = await connection.ExchangeAsync(request);

        Assert.That(RawConnection.StatusesOf(answer), Is.EqualTo(new[] { status }), answer);
        Assert.That(answer, Does.Contain("\r\nContent-Length: 0\r\n").And.EndsWith("\r\n\r\n").And.Not.Contain("\r\nServer:"));
    }

    [Test]
    public async Task WithoutOriginsNobodyElsesPageMayRead()
    {
        using var http = ClientOf(port);
        using var read = await SendAsync(http, "GET", "/health/live", ("Origin", Shop));
        using var preflight = await PreflightAsync(http, Shop);

        Assert.That(CorsHeadersOf(read), Is.Empty);
        Assert.That(CorsHeadersOf(preflight), Is.Empty);
    }

    [Test]
    public async Task ThatItIsNotReadyIsSaidAndToAdministratorsWithTheReason()
    {
        using var http = ClientOf(port);
        using var answer = await http.GetAsync("/health/ready");
        using var details = await SendAsync(http, "GET", "/health/ready", ("Authorization", $"Bearer {Administrator.Text}"));

        Assert.That((int)answer.StatusCode, Is.EqualTo(503));
        Assert.That(await answer.Content.ReadAsStringAsync(), Is.EqualTo("Unhealthy"));
        Assert.That((int)details.StatusCode, Is.EqualTo(503));
        Assert.That(await details.Content.ReadAsStringAsync(), Does.Contain("cannot be reached (REDIS_HOST).").And.Contain("(DB_HOST)").And.Contain("(KAFKA_BOOTSTRAP)"));
    }

    [Test]
    public async Task ThePagesOfAnAllowedOriginMayReadAndWrite()
    {
        var ownPort = TestServer.FreePort();
        await using var own = await ServiceUnderTest.StartApiAloneAsync(ownPort, ("CORS_ORIGINS", $"{Shop}, https://office.example"));
        using var http = ClientOf(ownPort);
        using var read = await SendAsync(http, "GET", "/productapp/1/", ("Origin", Shop));
        using var preflight = await PreflightAsync(http, Shop);
        using var refused = await SendAsync(http, "POST", "/api/v1/products", ("Origin", Shop));
        using var tooLarge = await SendLargeAsync(http);
        using var readOfOther = await SendAsync(http, "GET", "/productapp/1/", ("Origin", "https://shop.example.org"));
        using var preflightOfOther = await PreflightAsync(http, "https://shop.example.org");
        using var readOfNobody = await SendAsync(http, "GET", "/productapp/1/");

        foreach (var (answer, status) in new[] { (read, 503), (refused, 401), (tooLarge, 413) })
        {
            Assert.That((int)answer.StatusCode, Is.EqualTo(status));
            Assert.That(HeaderOf(answer, AllowOrigin), Is.EqualTo(Shop));
        }

        Assert.That(HeaderOf(read, "Access-Control-Expose-Headers"), Does.Contain("ETag").And.Contain("Retry-After"));
        Assert.That(preflight.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(HeaderOf(preflight, AllowOrigin), Is.EqualTo(Shop));
        Assert.That(HeaderOf(preflight, "Access-Control-Allow-Methods"), Does.Contain("PATCH"));
        Assert.That(HeaderOf(preflight, "Access-Control-Allow-Headers"), Is.EqualTo("authorization,if-match"));
        Assert.That(HeaderOf(preflight, "Access-Control-Max-Age"), Is.EqualTo("600"));
        Assert.That(CorsHeadersOf(readOfOther), Is.Empty);
        Assert.That(CorsHeadersOf(preflightOfOther), Is.Empty);

        // Else a cache between them gives the answer that names one origin, or none, to another.
        foreach (var answer in new[] { read, readOfOther, readOfNobody })
        {
            Assert.That(HeaderOf(answer, "Vary"), Is.EqualTo("Origin"));
        }
    }

    [Test]
    public async Task EachClientBehindTrustedProxiesHasALimitOfItsOwn()
    {
        var ownPort = TestServer.FreePort();
        await using var own = await ServiceUnderTest.StartApiAloneAsync(ownPort, OnceASecond, ("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8"));
        using var http = ClientOf(ownPort);

        Assert.That(await FirstRefusalAsync(http, n => $"192.0.2.{n}"), Is.Null, "Many clients.");
        Assert.That(await FirstRefusalAsync(http, n => $"203.0.113.{n}, 10.1.2.3"), Is.Null, "Many clients, two proxies.");
        Assert.That(await FirstRefusalAsync(http, _ => "198.51.100.1"), Is.Not.Null, "One client.");
        Assert.That(await FirstRefusalAsync(http, n => $"10.0.0.{n}, 198.51.100.2"), Is.Not.Null, "One client that names others.");
        using var other = await SendAsync(http, "GET", "/problems/not-cached", ("X-Forwarded-For", "198.51.100.3"));
        Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase("127.0.0.0/8", "/shop", "/shop")]
    [TestCase("127.0.0.0/8", "/client, /shop/", "/shop")]
    [TestCase("127.0.0.0/8", "//evil.example", "")]
    [TestCase("10.0.0.0/8", "/shop", "")]
    [TestCase("", "/shop", "")]
    public async Task ThePrefixOfATrustedProxyIsInEveryLink(string proxies, string sent, string expected)
    {
        var (prefix, ownPort) = (("X-Forwarded-Prefix", sent), TestServer.FreePort());
        await using var own = await ServiceUnderTest.StartApiAloneAsync(ownPort, ("TRUSTED_PROXIES", proxies));
        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri($"http://127.0.0.1:{ownPort}") };
        using var links = await SendAsync(http, "GET", "/", prefix);
        using var docs = await SendAsync(http, "GET", "/docs", prefix);
        using var openApi = await SendAsync(http, "GET", "/openapi/v1.json", prefix);
        using var problem = await SendAsync(http, "GET", "/productapp/x/", prefix);

        Assert.That(
            (await JsonAsync(links)).GetProperty("links").EnumerateObject().Select(link => link.Value.GetString()), Is.All.StartsWith($"{expected}/").And.Not.Contains("//"));
        Assert.That(HeaderOf(docs, "Location"), Does.EndWith("docs/").And.Not.Contain("evil"));
        Assert.That(new Uri(new Uri($"http://proxy{expected}/docs"), HeaderOf(docs, "Location")).AbsolutePath, Is.EqualTo($"{expected}/docs/"));
        Assert.That((await JsonAsync(openApi)).GetProperty("servers")[0].GetProperty("url").GetString(), Is.EqualTo(expected.Length > 0 ? expected : "/"));
        Assert.That((await JsonAsync(problem)).GetProperty("type").GetString(), Is.EqualTo($"{expected}/problems/not-a-product-id"));
    }

    [TestCase("off", HttpStatusCode.Found)]
    [TestCase("protected", HttpStatusCode.OK)]
    public async Task ABrowserGetsTheConsolePageUnlessItIsOff(string console, HttpStatusCode expected)
    {
        var ownPort = TestServer.FreePort();
        await using var own = await ServiceUnderTest.StartApiAloneAsync(ownPort, ("API_CONSOLE", console), ("TRUSTED_PROXIES", "127.0.0.0/8"));
        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri($"http://127.0.0.1:{ownPort}") };
        using var browser = await SendAsync(http, "GET", "/", ("X-Forwarded-Prefix", "/shop"), ("Accept", "text/html"));
        using var script = await SendAsync(http, "GET", "/console/app.js");
        using var data = await SendAsync(http, "GET", "/console/data/instances", ("X-Forwarded-For", "192.0.2.1"));

        var isOn = expected == HttpStatusCode.OK;
        Assert.That(browser.StatusCode, Is.EqualTo(expected));
        Assert.That(HeaderOf(browser, "Vary"), Is.EqualTo("Accept"));
        Assert.That(browser.Headers.Location?.ToString(), Is.EqualTo(isOn ? null : "/shop/docs/"));
        Assert.That(browser.Headers.Contains("Content-Security-Policy"), Is.EqualTo(isOn));
        Assert.That(script.StatusCode, Is.EqualTo(isOn ? HttpStatusCode.OK : HttpStatusCode.NotFound));
        Assert.That(data.StatusCode, Is.EqualTo(isOn ? HttpStatusCode.Unauthorized : HttpStatusCode.NotFound));
    }

    [Test]
    public async Task WithoutTrustedProxiesNobodyIsBelievedToBeAnotherClient()
    {
        var ownPort = TestServer.FreePort();
        await using var own = await ServiceUnderTest.StartApiAloneAsync(ownPort, OnceASecond);
        using var http = ClientOf(ownPort);

        using var refused = await FirstRefusalAsync(http, n => $"192.0.2.{n}");

        Assert.That(refused, Is.Not.Null);
        await AssertTooManyAsync(refused!, "/problems/too-many-requests");
    }

    [Test]
    public async Task AClientThatMissesTooOftenStillGetsWhatIsCached()
    {
        await using var deployment = await Deployment.StartAsync(("API_MISSES_PER_SECOND", "1"));
        var known = await deployment.InsertAsync();
        await deployment.FillAsync(known);

        using var refused = await FirstRefusalAsync(_ => deployment.GetAsync(TestProducts.NewId()));

        Assert.That(refused, Is.Not.Null);
        await AssertTooManyAsync(refused!, "/problems/too-many-misses");
        for (var i = 0; i < Many; i++)
        {
            using var hit = await deployment.GetAsync(known);
            Assert.That(hit.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        var ids = string.Join(',', Enumerable.Range(0, 100).Select(_ => TestProducts.NewId()).Prepend(known));
        var list = JsonDocument.Parse(await deployment.Http.GetStringAsync(new Uri($"/api/v1/products?ids={ids}", UriKind.Relative)));
        var statuses = list.RootElement.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("status").GetString()).ToList();
        Assert.That(statuses[0], Is.EqualTo("hit"));
        Assert.That(statuses, Has.Some.EqualTo("unavailable"));
    }

    [Test]
    public async Task NothingInARequestCanPassForALineOfTheLog()
    {
        const string Last = "/the-last-of-all";
        string[] controls = ["\r", "\n", "\r\n", "\u001b[2K", "\u001b]0;", "\b", "\0", "\u007f", "\u0085", "\u009b2K", "\u2028", "\u202e"];
        foreach (var control in controls)
        {
            var text = $"a{control}forged";
            foreach (var part in new[] { Raw(text), Uri.EscapeDataString(text) })
            {
                await SendRawAsync($"GET /{part} HTTP/1.1\r\n{Head}\r\n");
                await SendRawAsync($"GET /productapp/{part}/?a={part} HTTP/1.1\r\n{Head}\r\n");
                await SendRawAsync($"GET /api/v1/products?ids={part}&{part}={part} HTTP/1.1\r\n{Head}\r\n");
                await SendRawAsync($"{part} / HTTP/1.1\r\n{Head}\r\n");
                await SendRawAsync($"GET /health/live HTTP/{part}\r\n{Head}\r\n");
                await SendRawAsync($"GET /health/live HTTP/1.1\r\n{Head}{part}: {part}\r\n\r\n");
                await SendRawAsync(
                    $"GET /productapp/1/ HTTP/1.1\r\n{Head}Origin: {part}\r\nAccept: {part}\r\nPrefer: wait={part}\r\nTraceParent: {part}\r\nX-Forwarded-For: {part}\r\n\r\n");
                await SendRawAsync($"GET /health/live HTTP/1.1\r\nHost: {part}\r\nConnection: close\r\n\r\n");
                await SendRawAsync($"POST /api/v1/products HTTP/1.1\r\n{Head}Authorization: Bearer pc_{part}_x\r\n\r\n");
                await SendRawAsync($"POST /api/v1/products HTTP/1.1\r\n{Head}Authorization: {part}\r\n\r\n");
                await SendBodyAsync($"Idempotency-Key: {part}\r\nContent-Type: application/json\r\n", """{"name":"Tea","price":1}""");
                await SendBodyAsync($"Content-Type: {part}\r\n", part);
                await SendBodyAsync("Content-Type: application/json\r\n", $$"""{"name":"{{part}}","{{part}}":{{part}},"price":1}""");
            }
        }

        await SendRawAsync($"GET {Last} HTTP/1.1\r\n{Head}\r\n");
        await Eventually.TrueAsync(() => api.Output.Contains(Last, StringComparison.Ordinal));

        // To the reader of a pipe CR ends a line as well, so what follows it would be one that does not begin as it should.
        var lines = api.Output.Split(Environment.NewLine);
        Assert.That(lines.Where(line => !LogLine().IsMatch(line)), Is.Empty);
        Assert.That(lines.Where(line => line.Any(IsControl)).Select(line => Uri.EscapeDataString(line)), Is.Empty);
    }

    // What a terminal obeys, and what it takes for the end of a line or turns the direction of the text.
    private static bool IsControl(char character) => char.GetUnicodeCategory(character)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    // The bytes of UTF-8, each as the character that is sent as it.
    private static string Raw(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

    private static HttpClient ClientOf(int port) => new() { BaseAddress = new Uri($"http://127.0.0.1:{port}") };

    private static async Task<HttpResponseMessage> SendAsync(HttpClient http, string method, string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await http.SendAsync(request);
    }

    // Of the length that it says nothing is sent: the answer does not wait for it.
    private static async Task<HttpResponseMessage> SendLargeAsync(HttpClient http)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/products") { Content = new ByteArrayContent(new byte[RequestBodyLimit + 1]) };
        request.Headers.ExpectContinue = true;
        request.Headers.Add("Origin", Shop);
        return await http.SendAsync(request);
    }

    private static Task<HttpResponseMessage> PreflightAsync(HttpClient http, string origin) => SendAsync(
        http,
        "OPTIONS",
        "/api/v1/products/1",
        ("Origin", origin),
        ("Access-Control-Request-Method", "PATCH"),
        ("Access-Control-Request-Headers", "authorization,if-match"));

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage answer) => JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;

    private static string? HeaderOf(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;

    private static IEnumerable<string> CorsHeadersOf(HttpResponseMessage answer) =>
        answer.Headers.Select(header => header.Key).Where(name => name.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));

    private static Task<HttpResponseMessage?> FirstRefusalAsync(HttpClient http, Func<int, string> forwardedFor) =>
        FirstRefusalAsync(n => SendAsync(http, "GET", "/problems/not-cached", ("X-Forwarded-For", forwardedFor(n))));

    // Null: none of many was refused. Leave comes back each second, so only the first one says something.
    private static async Task<HttpResponseMessage?> FirstRefusalAsync(Func<int, Task<HttpResponseMessage>> request)
    {
        for (var n = 1; n <= Many; n++)
        {
            var answer = await request(n);
            if (answer.StatusCode == HttpStatusCode.TooManyRequests)
            {
                return answer;
            }

            answer.Dispose();
        }

        return null;
    }

    private static async Task AssertTooManyAsync(HttpResponseMessage answer, string problem)
    {
        Assert.That(answer.Headers.RetryAfter, Is.EqualTo(new RetryConditionHeaderValue(TimeSpan.FromSeconds(1))));
        Assert.That(answer.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/problem+json"));
        var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.That(body.GetProperty("type").GetString(), Is.EqualTo(problem));
    }

    private Task SendBodyAsync(string headers, string body) => SendRawAsync(
        $"POST /api/v1/products HTTP/1.1\r\n{Head}Authorization: Bearer {Writer.Text}\r\n{headers}Content-Length: {body.Length}\r\n\r\n{body}");

    private async Task SendRawAsync(string request)
    {
        using var connection = await RawConnection.OpenAsync(port);
        await connection.ExchangeAsync(request);
    }

    [GeneratedRegex(@"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z (trce|dbug|info|warn|fail|crit): \w")]
    private static partial Regex LogLine();
}
