using System.Collections.Concurrent;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// For readers whom what is cached will not do: asks for the product anew and waits for an entry that was read after they
/// came. The old entry stays for everybody else meanwhile. A singleton.
/// </summary>
public sealed class Revalidator(IGuardedCache cache, INearCache nearCache, IFillRequestPublisher requests, TimeProvider time)
{
    /// <summary>How long a reader waits who did not say: it is answered within a second.</summary>
    public static readonly TimeSpan DefaultWait = TimeSpan.FromMilliseconds(750);

    /// <summary>Readers that may wait at one time; one more is told at once that the product was requested, if it was.</summary>
    public const int MaxWaitingReaders = 20_000;

    // One for all readers of a product that wait at one time; whoever leaves takes it away, and the others look again by themselves.
    private readonly ConcurrentDictionary<ProductId, TaskCompletionSource> news = new();
    private int waitingReaders;

    /// <param name="suffices">Of an entry that is there already, however old.</param>
    /// <returns>The entry, read from the store after the call or sufficient; none: not in time.</returns>
    /// <exception cref="UnavailableException">It could not be requested.</exception>
    public async Task<(CachedProduct? Entry, bool Collapsed)> WaitAsync(
        ProductId id, Func<CachedProduct, bool> suffices, TimeSpan wait, CancellationToken cancellationToken)
    {
        var mayWait = Interlocked.Increment(ref waitingReaders) <= MaxWaitingReaders;
        try
        {
            return await LookUntilAsync(id, suffices, mayWait ? wait : TimeSpan.Zero, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref waitingReaders);
        }
    }

    /// <summary>A notification: something has happened to these products.</summary>
    public void Wake(IEnumerable<ProductId> ids)
    {
        foreach (var id in ids)
        {
            if (news.TryRemove(id, out var waiting))
            {
                waiting.TrySetResult();
            }
        }
    }

    private async Task<(CachedProduct? Entry, bool Collapsed)> LookUntilAsync(
        ProductId id, Func<CachedProduct, bool> suffices, TimeSpan wait, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var collapsed = true;
        RevalidationMarker? marker = null;
        while (true)
        {
            // The order loses no news: 1. listen, 2. look (and ask, where nobody has), 3. wait.
            var listening = news.GetOrAdd(id, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            try
            {
                var renewal = await cache.RevalidateAsync(id, marker, cancellationToken);
                if (renewal.Lease is { } lease)
                {
                    collapsed = false;
                    await LeasedFillRequest.PublishAsync(cache, requests, lease, renewal.Entry, CancellationToken.None);
                }

                if (renewal.Outcome == RevalidationOutcome.Renewed || (renewal.Entry is { } entry && suffices(entry)))
                {
                    // A near copy may be older than what this reader is shown: it must not see that one afterwards.
                    nearCache.Forget(id);
                    return (renewal.Entry, collapsed);
                }

                if (marker?.History != renewal.History)
                {
                    marker = renewal.Outcome == RevalidationOutcome.Asked ? new RevalidationMarker(renewal.Entry, renewal.History) : null;
                }

                var left = wait - time.GetElapsedTime(began);
                if (left <= TimeSpan.Zero)
                {
                    return (null, collapsed);
                }

                await listening.Task.WaitAsync(left < MissCoalescer.LookAgainInterval ? left : MissCoalescer.LookAgainInterval, time, cancellationToken);
            }
            catch (TimeoutException)
            {
                // Notifications are sent once and can be lost.
            }
            finally
            {
                news.TryRemove(KeyValuePair.Create(id, listening));
            }
        }
    }
}
