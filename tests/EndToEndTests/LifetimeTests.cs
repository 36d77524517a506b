using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>What readers see at the end of the lifetime of an entry.</summary>
[Category(TestCategories.Servers)]
public sealed partial class LifetimeTests
{
    private const int LifetimeSeconds = 3;

    private Deployment deployment = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => deployment = await Deployment.StartAsync(
        ("CACHE_TTL_SECONDS", $"{LifetimeSeconds}"), ("CACHE_TTL_JITTER_PERCENT", "0"), ("NEAR_CACHE_TTL_SECONDS", "1"));

    [OneTimeTearDown]
    public ValueTask StopAsync() => deployment.DisposeAsync();

    [Test]
    public async Task WithoutPostgresAProductPastItsLifetimeIsServedAsStaleAndRenewedAfterwards()
    {
        var id = await deployment.InsertAsync();
        await deployment.FillAsync(id);
        await using (await Outage.OfAsync(deployment.Postgres))
        {
            await Eventually.TrueAsync(async () => await TimeLeftAsync(id) < 0, "a stale answer");
        }

        await Eventually.TrueAsync(async () => await TimeLeftAsync(id) > 0, "a renewed answer");
    }

    [Test]
    public async Task APopularProductIsNeverMissed()
    {
        var id = await deployment.InsertAsync();
        await deployment.FillAsync(id);

        var (renewals, last) = (0, await TimeLeftAsync(id));
        await Eventually.TrueAsync(
            async () =>
            {
                var left = await TimeLeftAsync(id);
                renewals += left > last ? 1 : 0;
                last = left;
                return renewals == 3;
            },
            "three lifetimes");
    }

    [GeneratedRegex("^ProductCache; hit; ttl=(-?[0-9]+);")]
    private static partial Regex Hit();

    /// <summary>Reads the product, which has to be a hit.</summary>
    private async Task<int> TimeLeftAsync(ProductId id)
    {
        using var answer = await deployment.GetAsync(id);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        var status = Hit().Match(string.Join(", ", answer.Headers.GetValues("Cache-Status")));
        Assert.That(status.Success, Is.True);
        return int.Parse(status.Groups[1].Value, CultureInfo.InvariantCulture);
    }
}
