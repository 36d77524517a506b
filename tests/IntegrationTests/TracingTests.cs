using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Trace;
using ProductCache.Api;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using ProductCache.Worker;

namespace ProductCache.IntegrationTests;

/// <summary>A read that waits for its fill is one trace, from the request over Kafka and SQL to the answer.</summary>
public sealed class TracingTests
{
    private const string ReadPath = "/productapp/7/";

    private readonly ConcurrentDictionary<ActivitySpanId, Activity> spans = new();
    private readonly int apiPort = TestServer.FreePort();
    private readonly int workerPort = TestServer.FreePort();
    private WebApplication api = null!;
    private WebApplication worker = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var (postgres, redis, kafka) = (await SharedServers.Postgres, await SharedServers.Redis, await SharedServers.Kafka);
        var schema = $"traces_{Guid.NewGuid():N}"[..20];
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
        await using var dataSource = NpgsqlDataSource.Create(postgres.ConnectionString);
        await using var insert = dataSource.CreateCommand($"INSERT INTO {schema}.products (id, name, price) VALUES (7, 'Tea', 1)");
        await insert.ExecuteNonQueryAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await api.DisposeAsync();
        await worker.DisposeAsync();
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
        var record = Children(produce).First(span => span.Kind == ActivityKind.Consumer);
        var batch = spans.Values.Single(span => span.SpanId == record.Links.Single().Context.SpanId);
        await Eventually.TrueAsync(() => Descendants(batch).Any(span => span.Source.Name == "Npgsql") && Descendants(batch).Any(IsOfRedis));

        await TestContext.Out.WriteLineAsync(string.Join('\n', Tree(request, 0).Concat(Tree(batch, 0))));
        Assert.That(record.TraceId, Is.EqualTo(request.TraceId));
        Assert.That(batch.Links.Select(link => link.Context.SpanId), Does.Contain(produce.SpanId));
        Assert.That(request.Duration, Is.GreaterThan(record.StartTimeUtc - request.StartTimeUtc), "The request waits for the fill.");
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
