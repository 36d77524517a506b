using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using BitFaster.Caching.Lru;
using Microsoft.Extensions.Caching.Distributed;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure.Redis;

/// <summary>NEAR_CACHE_MB, NEAR_CACHE_TTL_SECONDS.</summary>
/// <param name="MaxBytes">The maximum size of all copies together; 0: no near cache.</param>
/// <param name="TimeToLive">How long a copy is used at most.</param>
public sealed record NearCacheOptions(long MaxBytes, TimeSpan TimeToLive)
{
    public static NearCacheOptions Read(Settings settings) => new(
        settings.Number("NEAR_CACHE_MB", 64, 0, 65_536) * 1024L * 1024L,
        settings.Seconds("NEAR_CACHE_TTL_SECONDS", TimeSpan.FromSeconds(5), 1, 3600));
}

/// <summary>
/// Copies of entries in this process. A copy is dropped when its product changes; all copies are dropped when a notification may have
/// been missed. A read creates a copy only if no change of the product arrived meanwhile.
/// </summary>
internal sealed class NearCache : ReadOnlyDistributedCache, INearCache
{
    /// <summary>The size of a copy without its payload: objects, list nodes, the slot of the dictionary.</summary>
    public const int Overhead = 256;

    /// <summary>The minimum capacity of the library.</summary>
    private const int MinCopies = 3;

    private readonly IDistributedCache cache;
    private readonly ICacheClock? clock;
    private readonly TimeProvider time;
    private readonly TimeSpan timeToLive;
    private readonly long maxBytes;
    private readonly ConcurrentLru<ProductId, Copy>? copies;
    private readonly Counter<long> clearings;
    private readonly Histogram<double> visible;
    private readonly NotificationSequence sequence;

    // Guards everything below and every change of the copies. A lookup needs no lock.
    private readonly Lock gate = new();
    private readonly Dictionary<ProductId, PendingRead> pendingReads = [];
    private long bytes;

    /// <param name="clock">Null: no content has an end.</param>
    public NearCache(IDistributedCache cache, NearCacheOptions options, TimeProvider time, IMeterFactory meters, ICacheClock? clock = null)
    {
        this.cache = cache;
        this.clock = clock;
        this.time = time;
        timeToLive = options.TimeToLive;
        maxBytes = options.MaxBytes;
        sequence = new NotificationSequence(time);
        var meter = meters.Create("ProductCache.NearCache");
        clearings = meter.CreateCounter<long>("productcache.near.clearings", "{clearing}", "Times that all copies were dropped because a notification may have been missed.");
        visible = meter.CreateDuration(
            "productcache.near.visible", "The time from the begin of the transaction that made a change to the near cache of this process.");
        if (maxBytes > 0)
        {
            copies = new ConcurrentLru<ProductId, Copy>((int)Math.Clamp(maxBytes / Overhead, MinCopies, int.MaxValue / 2));
            copies.Events.Value!.ItemRemoved += (_, removed) => bytes -= SizeOf(removed.Value!);
            copies.Events.Value.ItemUpdated += (_, updated) => bytes -= SizeOf(updated.OldValue!);
        }

        meter.CreateObservableGauge("productcache.near.bytes", () => Volatile.Read(ref bytes), "By", "Bytes of all copies.");
        meter.CreateObservableGauge("productcache.near.copies", () => copies?.Count ?? 0, "{copy}", "Copies.");
    }

    public bool TryGet(ProductId id, [NotNullWhen(true)] out CachedProduct? entry)
    {
        entry = null;
        if (copies is not null && copies.TryGet(id, out var copy))
        {
            var now = time.GetTimestamp();
            if (!sequence.IsSilent(now) && time.GetElapsedTime(copy.MadeAt, now) < timeToLive && HasNotEnded(copy.Entry))
            {
                entry = copy.Entry;
            }
        }

        return entry is not null;
    }

    public void Forget(ProductId id)
    {
        lock (gate)
        {
            Drop_NeedsGate(id);
        }
    }

    /// <summary>
    /// Always reads the cache, and creates a copy of the entry. Only <see cref="TryGet"/> reads copies: a caller that rejected a copy must
    /// not receive it from here.
    /// </summary>
    public override async Task<byte[]?> GetAsync(string key, CancellationToken token = default)
    {
        if (copies is null || !CacheKeys.TryReadEntry(key, out var id))
        {
            return await cache.GetAsync(key, token);
        }

        // 1. The read registers. 2. It reads the cache. 3. A change, or a notification that may have been missed, voids its result.
        // 4. It creates a copy unless it was voided.
        var pending = Register(id);
        byte[]? payload = null;
        try
        {
            return payload = await cache.GetAsync(key, token);
        }
        finally
        {
            Finish(id, pending, payload);
        }
    }

    public void OnNotification(CacheNotification notification)
    {
        Apply(notification);
        if (notification.ChangedAt is { } changedAt)
        {
            visible.RecordSince(changedAt, time.GetUtcNow());
        }
    }

    private void Apply(CacheNotification notification)
    {
        lock (gate)
        {
            if (!sequence.IsNext(notification))
            {
                DropAll_NeedsGate();
            }
            else if (notification.Kind == NotificationKind.Changed)
            {
                foreach (var id in notification.Ids)
                {
                    Drop_NeedsGate(id);
                }
            }
        }
    }

    /// <summary>A message that this version cannot read.</summary>
    public void OnUnreadableNotification()
    {
        lock (gate)
        {
            sequence.Reset();
            DropAll_NeedsGate();
        }
    }

    // Without the clock of the cache, a copy whose content has an end is not used.
    private bool HasNotEnded(CachedProduct entry) => entry.End == 0 || clock?.LeftUntil(entry.End) > TimeSpan.Zero;

    private static long SizeOf(Copy copy) => Overhead + copy.Entry.Payload.Length;

    private PendingRead Register(ProductId id)
    {
        lock (gate)
        {
            if (!pendingReads.TryGetValue(id, out var pending))
            {
                pendingReads[id] = pending = new PendingRead();
            }

            pending.Readers++;
            return pending;
        }
    }

    private void Finish(ProductId id, PendingRead pending, byte[]? payload)
    {
        lock (gate)
        {
            if (--pending.Readers == 0)
            {
                pendingReads.Remove(id);
            }

            if (!CachedProduct.TryRead(payload, out var entry))
            {
                return;
            }

            // Concurrent reads that found different entries do not know which one is older: neither may become a copy.
            if (pending.Found is { } other && !entry.Header.Span.SequenceEqual(other.Header.Span))
            {
                Drop_NeedsGate(id);
                pending.Voided = true;
            }

            pending.Found = entry;
            var now = time.GetTimestamp();
            if (pending.Voided || sequence.IsSilent(now))
            {
                return;
            }

            var copy = new Copy(entry, now);
            bytes += SizeOf(copy);
            copies!.AddOrUpdate(id, copy);
            while (bytes > maxBytes && copies.Count > 0)
            {
                copies.Policy.Eviction.Value!.Trim(1 + (copies.Count / 64));
            }
        }
    }

    private void Drop_NeedsGate(ProductId id)
    {
        copies?.TryRemove(id);
        if (pendingReads.TryGetValue(id, out var pending))
        {
            pending.Voided = true;
        }
    }

    private void DropAll_NeedsGate()
    {
        clearings.Add(1);
        copies?.Clear();
        foreach (var pending in pendingReads.Values)
        {
            pending.Voided = true;
        }
    }

    private sealed record Copy(CachedProduct Entry, long MadeAt);

    /// <summary>The concurrent reads of one product.</summary>
    private sealed class PendingRead
    {
        public int Readers { get; set; }

        public bool Voided { get; set; }

        public CachedProduct? Found { get; set; }
    }
}
