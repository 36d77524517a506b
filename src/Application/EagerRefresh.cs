using System.Collections.Concurrent;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Requests a refill before an entry expires, so that a product that is read near the end of its lifetime never misses. An entry beyond
/// its lifetime is refreshed too, and served as stale meanwhile. Readers never wait for it. A singleton.
/// </summary>
/// <param name="clock">Null: no content has an end.</param>
public sealed class EagerRefresh(IGuardedCache cache, IFillRequestPublisher requests, TimeProvider time, ICacheClock? clock = null)
{
    /// <summary>The last part of a lifetime in which a read requests a refill: a tenth, at most a minute.</summary>
    public const int PartOfLifetime = 10;

    /// <inheritdoc cref="PartOfLifetime"/>
    public static readonly TimeSpan MaxAhead = TimeSpan.FromMinutes(1);

    /// <summary>How long after the end of its content a product is requested: the cache must have removed the entry.</summary>
    public static readonly TimeSpan EndMargin = TimeSpan.FromMilliseconds(20);

    /// <summary>The interval in which this process requests the same product once.</summary>
    public static readonly TimeSpan AskInterval = TimeSpan.FromSeconds(1);

    /// <summary>Products that are requested at the same time. Beyond it no refill is requested, and entries grow older.</summary>
    public const int MaxAsking = 1_000;

    private readonly ConcurrentDictionary<ProductId, bool> asking = new();
    private int count;

    /// <summary>
    /// Requests a refill in the background if the entry is near the end of its lifetime or beyond it, unless this process has just requested
    /// one. If its content ends soon, the product is requested after that: an earlier refill would have the same end.
    /// </summary>
    public void RefreshIfDue(ProductId id, CachedProduct entry)
    {
        if (entry.End > 0 && clock?.LeftUntil(entry.End) is { } left && left < MaxAhead)
        {
            if (!asking.ContainsKey(id))
            {
                Ask(id, null, left + EndMargin);
            }
        }
        else if (entry is { IsAbsent: false, IsUnreadable: false } && IsDue(entry, time.GetUtcNow()) && !asking.ContainsKey(id))
        {
            Ask(id, entry, TimeSpan.Zero);
        }
    }

    private static bool IsDue(CachedProduct entry, DateTimeOffset now)
    {
        var ahead = entry.Lifetime / PartOfLifetime;
        return now >= entry.FilledAt + entry.Lifetime - (ahead < MaxAhead ? ahead : MaxAhead);
    }

    /// <param name="entry">The entry to refill. Null: there is none after the delay.</param>
    private void Ask(ProductId id, CachedProduct? entry, TimeSpan delay)
    {
        if (Interlocked.Increment(ref count) > MaxAsking || !asking.TryAdd(id, true))
        {
            Interlocked.Decrement(ref count);
            return;
        }

        // Independent of the reader, within the timeouts of the ports.
        _ = Task.Run(async () =>
        {
            try
            {
                if (delay > TimeSpan.Zero)
                {
                    await Task.Delay(delay, time);
                }

                var taken = entry is null
                    ? await cache.TakeLeaseAsync(id, CancellationToken.None)
                    : await cache.TakeEagerLeaseAsync(id, entry, CancellationToken.None);
                if (taken is { } lease)
                {
                    await LeasedFillRequest.PublishAsync(cache, requests, lease, entry, CancellationToken.None);
                }
            }
            catch (UnavailableException)
            {
                // The entry is served as it is, and a later read tries again.
            }
            finally
            {
                await Task.Delay(AskInterval, time);
                asking.TryRemove(id, out _);
                Interlocked.Decrement(ref count);
            }
        });
    }
}
