using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using ProductCache.Infrastructure;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests;

/// <summary>docs/metrics.md names every metric of this service, and no other.</summary>
public sealed partial class MetricsTests
{
    private static readonly Dictionary<string, string> Units = new()
    {
        ["seconds"] = "s",
        ["bytes"] = "By",
        ["copies"] = "{copy}",
        ["replies"] = "{reply}",
        ["entries"] = "{entry}",
    };

    private readonly Dictionary<string, Instrument> instruments = [];
    private MeterListener listener = null!;
    private RunningService service = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name.StartsWith("ProductCache.", StringComparison.Ordinal) || instrument.Meter.Name == "KafkaRider")
                {
                    lock (instruments)
                    {
                        instruments[instrument.Name] = instrument;
                    }
                }
            },
        };
        listener.Start();
        service = await RunningService.StartAsync(
            null, (ShadowReadOptions.Setting, "100"), ("PURGE", "webhook"), ("PURGE_WEBHOOK_URL", $"http://127.0.0.1:{TestServer.FreePort()}"), ("PURGE_WEBHOOK_SECRET", "secret"));

        // Some metrics begin with the first fill and the first change.
        await service.ExecuteAsync("INSERT INTO products (id, name, price) VALUES (1, 'Tea', 1)");
        Assert.That(await service.ReadAsync(1), Does.Contain("Tea"));
        await service.ExecuteAsync("UPDATE products SET price = 2");
        await Eventually.TrueAsync(async () => (await ScrapeAsync(service.Api)).Contains("productcache_near_visible_seconds"));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await service.DisposeAsync();
        listener.Dispose();
    }

    [Test]
    public void EveryMetricIsDocumentedWithItsTypeAndUnit()
    {
        var expected = instruments.Values.Select(instrument => (instrument.Name, TypeOf(instrument), instrument.Unit)).Order();

        Assert.That(Documented().Select(row => (row.Name, row.Type, (string?)UnitOf(row.Unit))).Order(), Is.EqualTo(expected));
    }

    [Test]
    public async Task TheNamesForPrometheusAreThoseThatAreScraped()
    {
        HashSet<string> documented = [.. Documented().Select(row => row.Prometheus)];
        HashSet<string> scraped = [];
        await Eventually.TrueAsync(async () =>
        {
            scraped = [.. await ScrapeAsync(service.Api), .. await ScrapeAsync(service.Worker)];
            return scraped.IsSupersetOf(["productcache_near_visible_seconds", "productcache_change_visible_seconds"]);
        });
        Assert.That(scraped, Is.SubsetOf(documented));
        Assert.That(scraped, Has.Count.GreaterThan(15));
    }

    private static async Task<IEnumerable<string>> ScrapeAsync(HttpClient client) =>
        TypeLine().Matches(await client.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Select(match => match.Groups[1].Value);

    private static IEnumerable<(string Name, string Prometheus, string Type, string Unit)> Documented() =>
        Row().Matches(File.ReadAllText(Repository.PathOf("docs/metrics.md")))
            .Select(match => (match.Groups[1].Value, match.Groups[2].Value, match.Groups[3].Value, match.Groups[4].Value));

    private static string UnitOf(string plural) => Units.GetValueOrDefault(plural) ?? $"{{{plural.TrimEnd('s')}}}";

    private static string TypeOf(Instrument instrument)
    {
        var type = instrument.GetType().Name;
        return type.StartsWith("Counter", StringComparison.Ordinal) ? "counter" : type.StartsWith("Histogram", StringComparison.Ordinal) ? "histogram" : "gauge";
    }

    [GeneratedRegex(@"^\| `([a-z_.]+)` \| `([a-z_]+)` \| (\w+) \| (\w+) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"^# TYPE ((?:productcache|kafka_rider)_\w+)", RegexOptions.Multiline)]
    private static partial Regex TypeLine();
}
