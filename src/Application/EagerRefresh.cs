using System.Collections.Concurrent;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Asks for a product anew while its entry is still there: one that is read when its lifetime is nearly over never misses,
/// and one whose lifetime is over is served as stale meanwhile. Readers never wait for it. A singleton.
/// </summary>
public sealed class EagerRefresh(IGuardedCache cache, IFillRequestPublisher requests, TimeProvider time)
{
    /// <summary>The last part of a lifetime in which a read asks anew: a tenth, a minute at most.</summary>
    public const int PartOfLifetime = 10;

    /// <inheritdoc cref="PartOfLifetime"/>
    public static readonly TimeSpan MaxAhead = TimeSpan.FromMinutes(1);

    /// <summary>How long this process does not ask again for the same product.</summary>
    public static readonly TimeSpan AskInterval = TimeSpan.FromSeconds(1);

    /// <summary>Products asked for at one time; beyond these nobody asks, and entries just grow older.</summary>
    public const int MaxAsking = 1_000;

    private readonly ConcurrentDictionary<ProductId, bool> asking = new();
    private int count;

    /// <summary>Asks in the background if the entry is close to its end, or past it, and nobody here has just asked.</summary>
    public void RefreshIfDue(ProductId id, CachedProduct entry)
    {
        if (entry.Version > 0 && IsDue(entry, time.GetUtcNow()) && !asking.ContainsKey(id))
        {
            Ask(id, entry);
        }
    }

    private static bool IsDue(CachedProduct entry, DateTimeOffset now)
    {
        var ahead = entry.Lifetime / PartOfLifetime;
        return now >= entry.FilledAt + entry.Lifetime - (ahead < MaxAhead ? ahead : MaxAhead);
    }

    private void Ask(ProductId id, CachedProduct entry)
    {
        if (Interlocked.Increment(ref count) > MaxAsking || !asking.TryAdd(id, true))
        {
            Interlocked.Decrement(ref count);
            return;
        }

        // On behalf of no reader in particular, bounded by the deadlines of the ports.
        _ = Task.Run(async () =>
        {
            try
            {
                if (await cache.TakeEagerLeaseAsync(id, entry, CancellationToken.None) is { } lease)
                {
                    await LeasedFillRequest.PublishAsync(cache, requests, lease, entry, CancellationToken.None);
                }
            }
            catch (UnavailableException)
            {
                // The entry is served as it is, and a later read asks again.
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
