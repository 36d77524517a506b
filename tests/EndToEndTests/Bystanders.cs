using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using ProductCache.Domain;

namespace ProductCache.EndToEndTests;

/// <summary>
/// A reader and a writer that behave while another client attacks the Api: each of their requests succeeds, and the memory of the Api stays
/// within a bound. Their times are written to the output; a request that hangs fails by the timeout of its client.
/// </summary>
/// <param name="http">Has a credential that may write.</param>
/// <param name="api">The process that is attacked.</param>
internal sealed class Bystanders(HttpClient http, ServiceUnderTest api)
{
    /// <summary>By how much the resident memory of the Api may grow under an attack.</summary>
    public const long MaxGrowth = 320L * 1024 * 1024;

    private readonly long before = api.ResidentBytes;
    private readonly List<double> reads = [];
    private readonly List<double> writes = [];
    private long most;

    /// <summary>One read of a cached product and one write of it.</summary>
    /// <returns>What was read.</returns>
    public async Task<byte[]> ReadAndWriteAsync(ProductId id)
    {
        using var read = new HttpRequestMessage(HttpMethod.Get, $"/productapp/{id}/") { Headers = { { "Prefer", "wait=10" } } };
        var body = await SucceedAsync(read, reads);
        using var change = new HttpRequestMessage(HttpMethod.Patch, $"/api/v1/products/{id}")
        {
            Content = new StringContent($$"""{"price":{{writes.Count + 1}}}""", Encoding.UTF8, "application/merge-patch+json"),
            Headers = { { "If-Match", "*" } },
        };
        await SucceedAsync(change, writes);
        most = Math.Max(most, api.ResidentBytes);
        return body;
    }

    /// <summary>To be called when the attack is over.</summary>
    public async Task HoldAsync(string attack)
    {
        await TestContext.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{attack}: {before >> 20} MiB before, {most >> 20} MiB at most; {Times("reads", reads)}; {Times("writes", writes)}."));
        Assert.That(most - before, Is.LessThan(MaxGrowth));
    }

    private static string Times(string name, List<double> times)
    {
        var sorted = times.Order().ToList();
        return string.Create(CultureInfo.InvariantCulture, $"{sorted.Count} {name}, median {sorted[sorted.Count / 2]:0.0} ms, longest {sorted[^1]:0} ms");
    }

    private async Task<byte[]> SucceedAsync(HttpRequestMessage request, List<double> times)
    {
        // SendAsync would send it as HTTP/1.1 whatever the client prefers.
        (request.Version, request.VersionPolicy) = (http.DefaultRequestVersion, http.DefaultVersionPolicy);
        var started = Stopwatch.GetTimestamp();
        using var answer = await http.SendAsync(request);
        var body = await answer.Content.ReadAsByteArrayAsync();
        times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), Encoding.UTF8.GetString(body));
        return body;
    }
}
