using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Trace;
using ProductCache.Api;
using ProductCache.Api.Auth;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using ProductCache.Worker;

namespace ProductCache.IntegrationTests;

/// <summary>
/// A read that waits for its fill is one trace, from the request over Kafka and SQL to the answer. So is a change, from its writer over the outbox
/// and Kafka to the near caches.
/// </summary>
public sealed class TracingTests
{
    private const string ReadPath = "/productapp/7/";

    private readonly ConcurrentDictionary<ActivitySpanId, Activity> spans = new();
    private readonly NewApiKey key = NewApiKey.Create("tests", Scopes.All);
    private readonly int apiPort = TestServer.FreePort();
    private readonly int workerPort = TestServer.FreePort();
    private string schema = null!;
    private NpgsqlDataSource dataSource = null!;
    private WebApplication api = null!;
    private WebApplication worker = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var (postgres, redis, kafka) = (await SharedServers.Postgres, await SharedServers.Redis, await SharedServers.Kafka);
        schema = $"traces_{Guid.NewGuid():N}"[..20];
        var database = new NpgsqlConnectionStringBuilder(postgres.ConnectionString);
        Dictionary<string, string> settings = new(kafka.ClientSettings)
        {
            ["DB_HOST"] = database.Host!,
            ["DB_PORT"] = database.Port.ToString(CultureInfo.InvariantCulture),
            ["DB_NAME"] = database.Database!,
            ["DB_USER"] = database.Username!,
            ["DB_PASSWORD"] = database.Password!,
            ["DB_SCHEMA"] = schema,
            ["CACHE_NAMESPACE"] = schema,
            ["REDIS_HOST"] = redis.Host,
            ["REDIS_PORT"] = $"{redis.Port}",
            ["KAFKA_BOOTSTRAP"] = kafka.Bootstrap,
            ["API_KEYS"] = key.Line,
            ["API_PORT"] = $"{apiPort}",
            ["WORKER_PORT"] = $"{workerPort}",

            // Nothing listens there: the spans are read from memory.
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9",
        };
        string[] arguments = [.. settings.Select(setting => $"--{setting.Key}={setting.Value}")];
        worker = WorkerHost.Build(arguments, Record);
        api = ApiHost.Build(arguments, Record);
        await worker.StartAsync();
        await api.StartAsync();
        using var http = new HttpClient();
        await Eventually.TrueAsync(async () =>
        {
            using var ready = await http.GetAsync(new Uri($"http://127.0.0.1:{workerPort}/health/ready"));
            return ready.IsSuccessStatusCode;
        });
        dataSource = NpgsqlDataSource.Create(postgres.ConnectionString);
        await using var insert = dataSource.CreateCommand($"INSERT INTO {schema}.products (id, name, price) VALUES (7, 'Tea', 1)");
        await insert.ExecuteNonQueryAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await api.DisposeAsync();
        await worker.DisposeAsync();
        await dataSource.DisposeAsync();
    }

    [Test]
    public async Task AWaitedMissIsOneTraceOverKafkaAndSql()
    {
        using var http = new HttpClient();
        await Eventually.TrueAsync(async () =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{apiPort}{ReadPath}") { Headers = { { "Prefer", "wait=10" } } };
            using var answer = await http.SendAsync(request);
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
        using var http = new HttpClient { DefaultRequestHeaders = { { "Authorization", $"Bearer {key.Text}" } } };
        using var answer = await http.PostAsJsonAsync(
            new Uri($"http://127.0.0.1:{apiPort}/api/v1/products"), new { name = "Coffee", price = 4.5, description = string.Empty });
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
        await using var update = dataSource.CreateCommand($"UPDATE {schema}.products SET price = price + 1 WHERE id = 7");
        await update.ExecuteNonQueryAsync();

        await Eventually.TrueAsync(() => Roots().Any(root => root.DisplayName == "outbox relay" && StepsOf(root).Contains("near cache drop")));
    }

    [Test]
    public async Task AnUnreadableTraceOfAWriterIsIgnored()
    {
        await using var batch = dataSource.CreateBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT set_config('product_cache.traceparent', repeat('x', 1000), true)"));
        batch.BatchCommands.Add(new NpgsqlBatchCommand($"UPDATE {schema}.products SET price = price + 1 WHERE id = 7"));
        await batch.ExecuteNonQueryAsync();

        await Eventually.TrueAsync(async () =>
        {
            await using var waiting = dataSource.CreateCommand($"SELECT count(*) FROM {schema}.product_changes");
            return await waiting.ExecuteScalarAsync() is 0L;
        });
    }

    [Test]
    public async Task ProbesAndScrapesAreNotTraced()
    {
        using var http = new HttpClient();
        await http.GetStringAsync(new Uri($"http://127.0.0.1:{apiPort}/health/live"));
        await http.GetStringAsync(new Uri($"http://127.0.0.1:{apiPort}/metrics"));

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
