using System.Security.Cryptography;
using System.Text.Json;
using ProductCache.Application;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests;

/// <summary>The spans of a watched trace are kept where no trace is exported.</summary>
public sealed class WatchedTracesTests
{
    private RunningService service = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => service = await RunningService.StartAsync();

    [OneTimeTearDown]
    public Task StopAsync() => service.DisposeAsync().AsTask();

    [Test]
    public async Task AWatchedMissShowsItsSteps()
    {
        await service.ExecuteAsync("INSERT INTO products (id, name, price) VALUES (1, 'Tea', 1)");
        var trace = NewTrace(IWatchedTraces.Prefix);
        await ReadAsync("/api/v1/products/1", trace);

        await Eventually.TrueAsync(async () => (await StepsAsync(trace)).IsSupersetOf(
            ["GET /api/v1/products/1", "cache lease", "cache claim", "postgresql", "cache fill", "cache notify", "readers wake"]));
    }

    [Test]
    public async Task AnyOtherTraceIsNotKept()
    {
        var (watched, other) = (NewTrace(IWatchedTraces.Prefix), NewTrace("00000000"));
        await ReadAsync("/api/v1/products/2", other);
        await ReadAsync("/api/v1/products/3", watched);
        await Eventually.TrueAsync(async () => (await StepsAsync(watched)).Contains("cache lease"));

        using var answer = await service.Api.GetAsync(new Uri($"/console/data/traces/{other}", UriKind.Relative));
        Assert.That((int)answer.StatusCode, Is.EqualTo(404));
    }

    [Test]
    public async Task ALongPathIsShortened()
    {
        var trace = NewTrace(IWatchedTraces.Prefix);
        await ReadAsync($"/{new string('x', 5_000)}", trace);

        await Eventually.TrueAsync(async () => (await StepsAsync(trace)).Count == 1);
        Assert.That((await StepsAsync(trace)).Single(), Has.Length.EqualTo(200));
    }

    private static string NewTrace(string prefix) => prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));

    private async Task ReadAsync(string path, string trace)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Prefer", "wait=10" }, { "traceparent", $"00-{trace}-0000000000000001-01" } } };
        using var answer = await service.Api.SendAsync(request);
    }

    private async Task<HashSet<string>> StepsAsync(string trace)
    {
        using var document = JsonDocument.Parse(await service.Api.GetStringAsync(new Uri($"/console/data/traces/{trace}", UriKind.Relative)));
        return [.. document.RootElement.GetProperty("spans").EnumerateArray().Select(span => span.GetProperty("name").GetString()!)];
    }
}
