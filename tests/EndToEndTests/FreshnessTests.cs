using System.Globalization;
using System.Net;
using System.Text.Json;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>What a reader may demand of an answer: the directives of Cache-Control, and a version.</summary>
[Category(TestCategories.Servers)]
public sealed class FreshnessTests
{
    private Deployment deployment = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => deployment = await Deployment.StartAsync();

    [OneTimeTearDown]
    public ValueTask StopAsync() => deployment.DisposeAsync();

    [Test]
    public async Task NoCacheGivesWhatTheDatabaseHasAlthoughTheChangeHasNotTravelled()
    {
        var id = await deployment.InsertAsync("Old");
        await deployment.FillAsync(id);
        await WithoutTriggersAsync($"UPDATE products SET name = 'New', version = version + 1 WHERE id = {id}");

        using var cached = await deployment.GetAsync(id);
        using var fresh = await GetAsync(id, ("Cache-Control", "no-cache"));
        using var afterwards = await deployment.GetAsync(id);

        Assert.That(await NameAsync(cached), Is.EqualTo("Old"));
        Assert.That(await NameAsync(fresh), Is.EqualTo("New"));
        Assert.That(StatusOf(fresh), Does.Match(@"^ProductCache; fwd=request; stored; ttl=\d+$"));
        Assert.That(await NameAsync(afterwards), Is.EqualTo("New"));
        Assert.That(StatusOf(afterwards), Does.StartWith("ProductCache; hit"));
    }

    [Test]
    public async Task NoCacheOfWhatIsNotCachedWaitsForItsFill()
    {
        var id = await deployment.InsertAsync();

        using var answer = await GetAsync(id, ("Cache-Control", "no-cache"), ("Prefer", "wait=9"));

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(StatusOf(answer), Does.StartWith("ProductCache; fwd=miss; stored"));
        Assert.That(answer.Headers.GetValues("Preference-Applied"), Is.EqualTo(new[] { "wait=9" }));
    }

    [Test]
    public async Task AReaderWhoDemandsTheVersionItWroteNeverGetsAnOlderOne()
    {
        var id = await deployment.InsertAsync("Draft 0");
        await deployment.FillAsync(id);
        for (var round = 1; round <= 20; round++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"Draft {round}");
            var version = await deployment.ScalarAsync($"UPDATE products SET name = '{name}' WHERE id = {id} RETURNING version");

            using var answer = await GetAsync(id, ("Product-Version-At-Least", $"{version}"), ("Prefer", "wait=9"));

            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await NameAsync(answer), Is.EqualTo(name));
        }
    }

    [Test]
    public async Task AVersionThatTheProductDoesNotHaveIsRefused()
    {
        var id = await deployment.InsertAsync();

        using var answer = await GetAsync(id, ("Product-Version-At-Least", $"{ProductVersion.Max}"), ("Prefer", "wait=9"));

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.PreconditionFailed));
        Assert.That(await TypeAsync(answer), Is.EqualTo("/problems/older-than-demanded"));
    }

    [TestCase("x")]
    [TestCase("0")]
    [TestCase("-1")]
    [TestCase("\"5\"")]
    [TestCase("4503599627370496")]
    public async Task WhatIsNoVersionIsRefused(string version)
    {
        foreach (var path in new[] { "/productapp/1/", "/api/v1/products?ids=1,2" })
        {
            using var answer = await GetAsync(path, ("Product-Version-At-Least", version));

            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That(await TypeAsync(answer), Is.EqualTo("/problems/not-a-version"));
        }
    }

    [Test]
    public async Task WhatIsFreshEnoughIsAHit()
    {
        var id = await deployment.InsertAsync();
        await deployment.FillAsync(id);

        using var answer = await GetAsync(id, ("Cache-Control", "max-age=300, min-fresh=60, max-stale=10"));

        Assert.That(StatusOf(answer), Does.StartWith("ProductCache; hit"));
    }

    [TestCase("min-fresh=86400")]
    [TestCase("only-if-cached, no-cache")]
    [TestCase("only-if-cached, min-fresh=86400")]
    public async Task ADemandThatOnlyTheCachedCannotMeetIsToldAtOnce(string directives)
    {
        var id = await deployment.InsertAsync();
        await deployment.FillAsync(id);

        using var answer = await GetAsync(id, ("Cache-Control", directives));

        // Without only-if-cached it is asked for anew, and what was read just now is as fresh as it gets.
        var expected = directives.StartsWith("only", StringComparison.Ordinal) ? HttpStatusCode.GatewayTimeout : HttpStatusCode.OK;
        Assert.That(answer.StatusCode, Is.EqualTo(expected));
    }

    [Test]
    public async Task ManyAreReadAsFreshAsDemanded()
    {
        ProductId[] ids = [await deployment.InsertAsync(), await deployment.InsertAsync()];
        await deployment.FillAsync(ids[0]);

        using var answer = await GetAsync(
            $"/api/v1/products?ids={ids[0]},{ids[1]}", ("Cache-Control", "no-cache"), ("Prefer", "wait=9"));
        using var older = await GetAsync(
            $"/api/v1/products?ids={ids[0]},{ids[1]}", ("Product-Version-At-Least", $"{ProductVersion.Max}"), ("Prefer", "wait=9"));

        Assert.That(StatusOf(answer), Does.StartWith("ProductCache; fwd=miss; stored"));
        Assert.That(await ItemStatusesAsync(answer), Is.EqualTo(new[] { "hit", "hit" }));
        Assert.That(await ItemStatusesAsync(older), Is.EqualTo(new[] { "older", "older" }));
    }

    private Task<HttpResponseMessage> GetAsync(ProductId id, params (string Name, string Value)[] headers) => GetAsync($"/productapp/{id}/", headers);

    private async Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await deployment.Http.SendAsync(request);
    }

    // As a change that the change path has not heard of yet, and never will.
    private Task WithoutTriggersAsync(string sql) => deployment.ExecuteAsync(
        $"""
        DO $$
        DECLARE
          name text;
        BEGIN
          ALTER TABLE products DISABLE TRIGGER USER;
          {sql};
          FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'products'::regclass AND NOT tgisinternal LOOP
            EXECUTE format('ALTER TABLE products ENABLE ALWAYS TRIGGER %I', name);
          END LOOP;
        END $$
        """);

    private static string StatusOf(HttpResponseMessage answer) => string.Join('|', answer.Headers.GetValues("Cache-Status"));

    private static async Task<string?> NameAsync(HttpResponseMessage answer) => (await JsonAsync(answer)).GetProperty("name").GetString();

    private static async Task<string?> TypeAsync(HttpResponseMessage answer) => (await JsonAsync(answer)).GetProperty("type").GetString();

    private static async Task<IEnumerable<string?>> ItemStatusesAsync(HttpResponseMessage answer) =>
        [.. (await JsonAsync(answer)).GetProperty("items").EnumerateArray().Select(item => item.GetProperty("status").GetString())];

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage answer) =>
        JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
}
