using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using ProductCache.Application;
using ProductCache.Infrastructure.Instances;
using ProductCache.Infrastructure.Redis;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Traces;

/// <summary>
/// Listens to the spans of watched traces and keeps them in Redis, in a hash for each trace: product-cache:trace:id, span → JSON. A hit has no
/// spans but those of a request that is watched, so the listener costs other requests nothing.
/// </summary>
internal sealed class WatchedTraces(InstanceIdentity identity, WatchedTraceStore store, TimeProvider time) : BackgroundService
{
    /// <summary>Spans that wait to be written. Further ones are dropped.</summary>
    public const int MaxWaiting = 1_000;

    /// <summary>Spans of one second. Any client can name a watched trace in a request, so their number has a limit.</summary>
    public const int MaxPerSecond = 200;

    /// <summary>The longest name, detail or error that is kept, in characters: a path is as long as its client likes.</summary>
    public const int MaxText = 200;

    // Ours, that of MassTransit, and that of Npgsql.
    private static readonly string[] Sources = [ProductCacheSpans.SourceName, "MassTransit", "Npgsql"];

    private static readonly string[] Details = ["productcache.detail", "messaging.destination.name", "db.operation.batch.size", "productcache.products"];

    private readonly Channel<(string TraceId, WatchedSpan Span)> ended = Channel.CreateBounded<(string, WatchedSpan)>(
        new BoundedChannelOptions(MaxWaiting) { FullMode = BoundedChannelFullMode.DropWrite });

    private long second;
    private int ofSecond;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => Sources.Contains(source.Name),
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                IsWatched(options.Parent.TraceId) ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = Keep,
        };
        ActivitySource.AddActivityListener(listener);
        await foreach (var (traceId, span) in ended.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                await store.WriteAsync(traceId, span, stoppingToken);
            }
            catch (Exception exception) when (exception is UnavailableException or RedisServerException)
            {
                // The span is lost; others report that Redis is unavailable.
            }
        }
    }

    private static bool IsWatched(ActivityTraceId traceId) => traceId.ToHexString().StartsWith(IWatchedTraces.Prefix, StringComparison.Ordinal);

    private void Keep(Activity span)
    {
        if (!IsWatched(span.TraceId) || IsBeyondLimit())
        {
            return;
        }

        ended.Writer.TryWrite((span.TraceId.ToHexString(), new WatchedSpan(
            span.SpanId.ToHexString(),
            span.ParentSpanId == default ? null : span.ParentSpanId.ToHexString(),
            Shortened(span.DisplayName)!,
            identity.Id,
            span.StartTimeUtc,
            span.Duration.TotalMilliseconds,
            Shortened(Details.Select(name => span.GetTagItem(name)?.ToString()).FirstOrDefault(text => text is not null)),
            span.Status == ActivityStatusCode.Error ? Shortened(span.StatusDescription) ?? "failed" : null)));
    }

    private static string? Shortened(string? text) => text?.Length > MaxText ? text[..MaxText] : text;

    private bool IsBeyondLimit()
    {
        var now = time.GetTimestamp() / time.TimestampFrequency;
        if (Interlocked.Exchange(ref second, now) != now)
        {
            Interlocked.Exchange(ref ofSecond, 0);
        }

        return Interlocked.Increment(ref ofSecond) > MaxPerSecond;
    }
}

/// <summary>The spans of watched traces in Redis.</summary>
internal sealed class WatchedTraceStore(IConnectionMultiplexer redis, RedisTimeout timeout, RedisNames names) : IWatchedTraces
{
    /// <summary>How long a trace is kept after its last span.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    private const string Write =
        """
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        """;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private readonly IDatabase database = names.DatabaseOf(redis);

    public Task WriteAsync(string traceId, WatchedSpan span, CancellationToken cancellationToken) => timeout.WithinAsync(
        database.ScriptEvaluateAsync(Write, [KeyOf(traceId)], [span.Id, JsonSerializer.Serialize(span, Json), (long)Lifetime.TotalMilliseconds]), cancellationToken);

    public async Task<IReadOnlyList<WatchedSpan>> ReadAsync(string traceId, CancellationToken cancellationToken)
    {
        try
        {
            var fields = await timeout.WithinAsync(database.HashGetAllAsync(KeyOf(traceId)), cancellationToken);
            return [.. fields.Select(field => JsonSerializer.Deserialize<WatchedSpan>((string)field.Value!, Json)!).OrderBy(span => span.StartedAt)];
        }
        catch (RedisServerException error)
        {
            throw new UnavailableException(Dependency.Cache, error, "Redis refuses to read the trace");
        }
    }

    private static RedisKey KeyOf(string traceId) => $"product-cache:trace:{traceId}";
}
