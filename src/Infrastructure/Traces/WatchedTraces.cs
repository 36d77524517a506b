using System.Diagnostics;
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

    private static readonly byte[] Prefix = Convert.FromHexString(IWatchedTraces.Prefix);

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
            catch (UnavailableException)
            {
                // The span is lost; others report that Redis is unavailable.
            }
        }
    }

    // Asked for every span of every message, so it makes no text.
    private static bool IsWatched(ActivityTraceId traceId)
    {
        Span<byte> bytes = stackalloc byte[16];
        traceId.CopyTo(bytes);
        return bytes.StartsWith(Prefix);
    }

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
internal sealed class WatchedTraceStore(ExpiringHashes hashes) : IWatchedTraces
{
    /// <summary>How long a trace is kept after its last span.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    public Task WriteAsync(string traceId, WatchedSpan span, CancellationToken cancellationToken) =>
        hashes.WriteAsync(KeyOf(traceId), span.Id, span, Lifetime, cancellationToken);

    public async Task<IReadOnlyList<WatchedSpan>> ReadAsync(string traceId, CancellationToken cancellationToken) =>
        [.. (await hashes.ReadAsync<WatchedSpan>(KeyOf(traceId), cancellationToken)).OrderBy(span => span.StartedAt)];

    private static RedisKey KeyOf(string traceId) => $"product-cache:trace:{traceId}";
}
