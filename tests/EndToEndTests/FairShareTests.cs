using System.Net;
using System.Net.Http.Headers;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>What one client may take, and what the others keep meanwhile.</summary>
[Category(TestCategories.Servers)]
public sealed class FairShareTests
{
    private const string Attacker = "127.0.0.2";
    private const string Trace = "0af7651916cd43dd8448eb211c80319c";

    private static readonly NewApiKey Writer = NewApiKey.Create("writer", [Scopes.Write]);
    private static readonly NewApiKey Administrator = NewApiKey.Create("administrator", [Scopes.Administer]);

    private Deployment deployment = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        deployment = await Deployment.StartAsync(("API_KEYS", $"{Writer.Line};{Administrator.Line}"), ("API_LISTS_PER_SECOND", "0"));
        deployment.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Writer.Text);
    }

    [OneTimeTearDown]
    public ValueTask StopAsync() => deployment.DisposeAsync();

    [TestCase("-#-")]
    [TestCase("---")]
    [TestCase("o t")]
    [TestCase("a-b-c")]
    [TestCase("é é é")]
    public async Task APartOfANameWithoutATrigramIsRefused(string part)
    {
        using var answer = await deployment.GetAsync($"/api/v1/products?q={Uri.EscapeDataString(part)}");

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("3 consecutive letters or digits"));
    }

    [TestCase("tea")]
    [TestCase("süß")]
    [TestCase("चाय")]
    [TestCase("100 %")]
    [TestCase("a 123 -")]
    public async Task APartOfANameWithATrigramIsFound(string part)
    {
        var id = await deployment.InsertAsync($"x {part} y");

        using var answer = await deployment.GetAsync($"/api/v1/products?q={Uri.EscapeDataString(part)}&limit=500");

        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain($"/api/v1/products/{id}\""));
    }

    [Test]
    [Category(TestCategories.Alone)]
    public async Task TheListsOfOneClientDoNotKeepAnotherFromReadingAndWriting()
    {
        await deployment.ExecuteAsync(
            "INSERT INTO products (name, price, description) SELECT 'Shop item ' || n || ' qqz' || (n % 7), 1, 'x' FROM generate_series(1, 100000) n");
        var id = await deployment.InsertAsync();
        await deployment.FillAsync(id);
        var bystanders = new Bystanders(deployment.Http, deployment.Api);
        using var stop = new CancellationTokenSource();
        using var attacker = Neighbour.HttpClient(Attacker, deployment.ApiPort);

        // Each name has the first trigrams, and no name has all of it.
        var lists = Enumerable.Range(0, 24).Select(n => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                using var answer = await attacker.GetAsync(new Uri($"/api/v1/products?q=item%20%20%20%20qqz{n}", UriKind.Relative), CancellationToken.None);
            }
        })).ToList();
        var most = 0L;
        for (var round = 0; round < 50; round++)
        {
            await bystanders.ReadAndWriteAsync(id);

            // PostgreSQL tells the beginning of a statement; those of writes and fills begin in other ways.
            most = Math.Max(most, await deployment.ScalarAsync(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'SELECT p.id, p.version,%'"));
        }

        await stop.CancelAsync();
        await Task.WhenAll(lists);

        await bystanders.HoldAsync("lists");
        Assert.That(most, Is.InRange(1, 2), "Half of the connections for lists.");
    }

    [Test]
    public async Task RefusedCredentialsAreALineForEachClientAndNotForEachRequest()
    {
        using var attacker = Neighbour.HttpClient(Attacker, deployment.ApiPort);
        attacker.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "pc_wrong");
        for (var n = 0; n < 500; n++)
        {
            using var answer = await attacker.DeleteAsync(new Uri("/api/v1/products/1", UriKind.Relative));
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        }

        await Eventually.TrueAsync(() => Lines() > 0);
        Assert.That(Lines(), Is.LessThan(50));
        Assert.That(await deployment.Http.GetStringAsync(new Uri("/metrics", UriKind.Relative)), Does.Match("""productcache_refused[^\n]*wrong_credential[^\n]* [5-9]\d\d\b"""));

        int Lines() => deployment.Api.Output.Split('\n').Count(line => line.Contains(Attacker, StringComparison.Ordinal));
    }

    [Test]
    public async Task MetricsNameNeitherTheDatabaseNorItsUserAndHost()
    {
        using var list = await deployment.GetAsync("/api/v1/products?limit=1");
        var database = new Npgsql.NpgsqlConnectionStringBuilder(deployment.DataSource.ConnectionString);
        using var local = new HttpClient();
        foreach (var port in new[] { deployment.ApiPort, deployment.WorkerPort })
        {
            var metrics = await local.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics"));

            Assert.That(metrics, Does.Contain("db_client"));
            Assert.That(metrics, Does.Not.Contain(database.Database).And.Not.Contain("Username").And.Not.Contain("Host=").And.Not.Contain($"\"{database.Host}\""));
        }
    }

    [TestCase("protected", null, 401)]
    [TestCase("protected", "wrong", 401)]
    [TestCase("protected", "writer", 403)]
    [TestCase("protected", "administrator", 200)]
    [TestCase("open", null, 401)]
    [TestCase("open", "administrator", 200)]
    public async Task MetricsOfTheApiAreForThisMachineAndForAdministrators(string reads, string? credential, int status)
    {
        var port = TestServer.FreePort();
        await using var api = await ServiceUnderTest.StartApiAloneAsync(
            port, ("API_READS", reads), ("API_KEYS", $"{Writer.Line};{Administrator.Line}"), ("TRUSTED_PROXIES", "127.0.0.9"));
        using var proxy = Neighbour.HttpClient("127.0.0.9", port);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics") { Headers = { { "X-Forwarded-For", "192.0.2.1" } } };
        using var untrusted = new HttpRequestMessage(HttpMethod.Get, "/metrics") { Headers = { { "X-Forwarded-For", "192.0.2.1" } } };
        request.Headers.Authorization = untrusted.Headers.Authorization = credential switch
        {
            null => null,
            "writer" => new AuthenticationHeaderValue("Bearer", Writer.Text),
            "administrator" => new AuthenticationHeaderValue("Bearer", Administrator.Text),
            _ => new AuthenticationHeaderValue("Bearer", credential),
        };
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        using var local = await http.GetAsync(new Uri("/metrics", UriKind.Relative));
        using var forwarded = await proxy.SendAsync(request);
        using var throughAnother = await http.SendAsync(untrusted);

        Assert.That((int)local.StatusCode, Is.EqualTo(200));
        Assert.That((int)forwarded.StatusCode, Is.EqualTo(status));
        Assert.That((int)throughAnother.StatusCode, Is.EqualTo(status));
    }

    [Test]
    public async Task ABatchCountsAsItsIdsAndHealthDoesNotCount()
    {
        var port = TestServer.FreePort();
        await using var api = await ServiceUnderTest.StartApiAloneAsync(port, ("API_REQUESTS_PER_SECOND", "10"));
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        var path = $"/api/v1/products?ids={string.Join(',', Enumerable.Range(1, 150))}";

        using var first = await http.GetAsync(new Uri(path, UriKind.Relative));
        using var second = await http.GetAsync(new Uri(path, UriKind.Relative));
        for (var n = 0; n < 300; n++)
        {
            using var live = await http.GetAsync(new Uri("/health/live", UriKind.Relative));
            Assert.That(live.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        Assert.That((int)first.StatusCode, Is.EqualTo(503), "The cache is not there.");
        Assert.That((int)second.StatusCode, Is.EqualTo(429));
    }

    [Test]
    public async Task WhatASharedCacheMayKeepHasNothingOfAnotherRequest()
    {
        var id = TestProducts.NewId();
        await Eventually.TrueAsync(async () => (await deployment.GetAsync(id, "wait=10")).StatusCode == HttpStatusCode.NotFound);
        using var cached = await AskAsync($"/productapp/{id}/");
        using var refused = await AskAsync("/productapp/x/");
        var (absent, other) = (await cached.Content.ReadAsStringAsync(), await refused.Content.ReadAsStringAsync());

        Assert.That(cached.Headers.CacheControl!.Public, Is.True);
        Assert.That(absent, Does.Not.Contain("traceId").And.Not.Contain(Trace));
        Assert.That(other, Does.Contain("traceId").And.Not.Contain(Trace));

        Task<HttpResponseMessage> AskAsync(string path)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "traceparent", $"00-{Trace}-b7ad6b7169203331-01" } } };
            return deployment.Http.SendAsync(request);
        }
    }

    [TestCase("/openapi/v1.json")]
    [TestCase("/docs/scalar.js")]
    public async Task DocumentsAreCompressedAndRevalidated(string path)
    {
        using var plain = await deployment.GetAsync(path);
        using var zipped = await AskAsync("gzip, br", null);
        using var unchanged = await AskAsync("gzip", zipped.Headers.ETag!.ToString());
        var (all, few) = (await plain.Content.ReadAsByteArrayAsync(), await zipped.Content.ReadAsByteArrayAsync());

        Assert.That(zipped.Content.Headers.ContentEncoding, Is.EqualTo(new[] { "gzip" }));
        Assert.That(zipped.Headers.Vary, Does.Contain("Accept-Encoding"));
        Assert.That(few.Length, Is.LessThan(all.Length / 2));
        using var unzipped = new MemoryStream();
        await using var zip = new System.IO.Compression.GZipStream(new MemoryStream(few), System.IO.Compression.CompressionMode.Decompress);
        await zip.CopyToAsync(unzipped);
        Assert.That(unzipped.ToArray(), Is.EqualTo(all));
        Assert.That(unchanged.StatusCode, Is.EqualTo(HttpStatusCode.NotModified));

        Task<HttpResponseMessage> AskAsync(string encoding, string? tag)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("Accept-Encoding", encoding);
            request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            return deployment.Http.SendAsync(request);
        }
    }
}
