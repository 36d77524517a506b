using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Trace;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests;

/// <summary>
/// A read that waits for its fill is one trace, from the request over Kafka and SQL to the answer. So is a change, from its writer over the outbox
/// and Kafka to the near caches.
/// </summary>
public sealed class TracingTests
{
    private const string ReadPath = "/productapp/7/";

    private readonly ConcurrentDictionary<ActivitySpanId, Activity> spans = new();
    private RunningService service = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        // Nothing listens there: the spans are read from memory.
        service = await RunningService.StartAsync(Record, ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"));
        await service.ExecuteAsync("INSERT INTO products (id, name, price) VALUES (7, 'Tea', 1)");
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await service.DisposeAsync();

    [Test]
    public async Task AWaitedMissIsOneTraceOverKafkaAndSql()
    {
        await Eventually.TrueAsync(async () =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, ReadPath) { Headers = { { "Prefer", "wait=10" } } };
            using var answer = await service.Api.SendAsync(request);
            return answer.IsSuccessStatusCode;
        });

        // The spans of Redis are made from profiles, some seconds later.
        await Eventually.TrueAsync(() => Requests().Any(root => Children(root).Any(IsOfRedis) && Children(root).Any(IsProduce)));
        var request = Requests().First(root => Children(root).Any(IsProduce));
        var produce = Children(request).First(IsProduce);
        await Eventually.TrueAsync(() => Children(produce).Any(span => span.Kind == ActivityKind.Consumer));
        var record = Children(produce).First(span => span.Kind == ActivityKind.Consumer && span.DisplayName.EndsWith(" process", StringComparison.Ordinal));
        var batch = spans.Values.Single(span => span.SpanId == record.Links.Single().Context.SpanId);
        await Eventually.TrueAsync(() => Descendants(batch).Any(span => span.Source.Name == "Npgsql") && Descendants(batch).Any(IsOfRedis));
        await Eventually.TrueAsync(() => Descendants(batch).Any(span => span.DisplayName == "readers wake"));

        await TestContext.Out.WriteLineAsync(string.Join('\n', Tree(request, 0)));
        Assert.That(record.TraceId, Is.EqualTo(request.TraceId));
        Assert.That(StepsOf(request), Is.SupersetOf(new[] { "cache lease", "cache claim", "cache fill", "cache notify", "readers wake" }));
        Assert.That(batch.Links.Select(link => link.Context.SpanId), Does.Contain(produce.SpanId));
        Assert.That(request.Duration, Is.GreaterThan(record.StartTimeUtc - request.StartTimeUtc), "The request waits for the fill.");
    }

    [Test]
    public async Task AWriteOverHttpIsOneTraceToTheNearCaches()
    {
        using var answer = await service.Api.PostAsJsonAsync(
            new Uri("/api/v1/products", UriKind.Relative), new { name = "Coffee", price = 4.5, description = string.Empty });
        Assert.That(answer.IsSuccessStatusCode, Is.True);

        await Eventually.TrueAsync(() => Roots().Any(root => root.Kind == ActivityKind.Server && StepsOf(root).Contains("near cache drop")));
        var write = Roots().First(root => root.Kind == ActivityKind.Server && StepsOf(root).Contains("near cache drop"));
        await Eventually.TrueAsync(() => Descendants(write).Any(span => span.Kind == ActivityKind.Consumer && span.DisplayName.EndsWith(" process", StringComparison.Ordinal)));
        await TestContext.Out.WriteLineAsync(string.Join('\n', Tree(write, 0)));
        Assert.That(StepsOf(write), Is.SupersetOf(new[] { "outbox relay", "cache change", "cache notify" }));
        Assert.That(Descendants(write).Count(IsProduce), Is.EqualTo(1));
    }

    [Test]
    public async Task AChangeBySqlBeginsATraceOfItsOwn()
    {
        await service.ExecuteAsync("UPDATE products SET price = price + 1 WHERE id = 7");

        await Eventually.TrueAsync(() => Roots().Any(root => root.DisplayName == "outbox relay" && StepsOf(root).Contains("near cache drop")));
    }

    [Test]
    public async Task AnUnreadableTraceOfAWriterIsIgnored()
    {
        await service.ExecuteAsync("SELECT set_config('product_cache.traceparent', repeat('x', 1000), true); UPDATE products SET price = price + 1 WHERE id = 7");

        await Eventually.TrueAsync(async () => await service.ScalarAsync("SELECT count(*) FROM product_changes") is 0L);
    }

    [Test]
    public async Task ProbesAndScrapesAreNotTraced()
    {
        await service.Api.GetStringAsync(new Uri("/health/live", UriKind.Relative));
        await service.Api.GetStringAsync(new Uri("/metrics", UriKind.Relative));

        Assert.That(spans.Values.Where(span => span.Kind == ActivityKind.Server && span.GetTagItem("url.path") is "/health/live" or "/metrics"), Is.Empty);
    }

    private static bool IsProduce(Activity span) => span.Kind == ActivityKind.Producer;

    private static bool IsOfRedis(Activity span) => span.Source.Name.Contains("StackExchangeRedis", StringComparison.Ordinal);

    private List<Activity> Roots() => [.. spans.Values.Where(span => span.ParentSpanId == default)];

    private List<string> StepsOf(Activity root) => [.. Descendants(root).Select(span => span.DisplayName)];

    private IEnumerable<Activity> Requests() => spans.Values.Where(span => span.Kind == ActivityKind.Server && span.GetTagItem("url.path") is ReadPath);

    private IEnumerable<Activity> Children(Activity span) => spans.Values.Where(child => child.ParentSpanId == span.SpanId);

    private IEnumerable<Activity> Descendants(Activity span) => Children(span).SelectMany(child => Descendants(child).Prepend(child));

    private IEnumerable<string> Tree(Activity span, int depth) => Children(span).OrderBy(child => child.StartTimeUtc)
        .SelectMany(child => Tree(child, depth + 1))
        .Prepend($"{new string(' ', 2 * depth)}{span.Source.Name}: {span.DisplayName} ({span.Kind}, {span.Duration.TotalMilliseconds:0.0} ms)");

    private void Record(IServiceCollection services) => services.ConfigureOpenTelemetryTracerProvider((_, tracing) =>
        tracing.AddProcessor(new SimpleActivityExportProcessor(new Recorder(spans))));

    /// <summary>Both hosts are in this process, so each of them sees the spans of the other too.</summary>
    private sealed class Recorder(ConcurrentDictionary<ActivitySpanId, Activity> spans) : BaseExporter<Activity>
    {
        public override ExportResult Export(in Batch<Activity> batch)
        {
            foreach (var span in batch)
            {
                spans[span.SpanId] = span;
            }

            return ExportResult.Success;
        }
    }
}
