using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Serves reads that require a fresher entry than the cached one: requests a refill and waits for an entry that was read from the store
/// after the read arrived. The old entry stays for all other readers meanwhile. A singleton.
/// </summary>
public sealed class Revalidator(IGuardedCache cache, INearCache nearCache, IFillRequestPublisher requests, TimeProvider time)
{
    /// <summary>The wait if the reader sets no <c>Prefer: wait</c>. The answer then comes within a second.</summary>
    public static readonly TimeSpan DefaultWait = TimeSpan.FromMilliseconds(750);

    /// <summary>Readers that may wait at the same time. A further reader is answered as soon as the product is requested.</summary>
    public const int MaxWaitingReaders = FillWaiters.MaxReaders;

    private readonly FillWaiters waiters = new(time);

    /// <summary>The number of readers that wait now.</summary>
    public int WaitingReaders => waiters.Readers;

    /// <param name="suffices">Whether an entry that is cached already is fresh enough, however old it is.</param>
    /// <returns>The entry, read from the store after the call, or sufficient. Null: there was none in time.</returns>
    /// <exception cref="UnavailableException">The product could not be requested.</exception>
    public async Task<(CachedProduct? Entry, bool Collapsed)> WaitAsync(
        ProductId id, Func<CachedProduct, bool> suffices, TimeSpan wait, CancellationToken cancellationToken)
    {
        if (!waiters.TryEnter())
        {
            return await LookUntilAsync(id, suffices, TimeSpan.Zero, cancellationToken);
        }

        try
        {
            return await LookUntilAsync(id, suffices, wait, cancellationToken);
        }
        finally
        {
            waiters.Leave();
        }
    }

    /// <summary>A notification: these products have been filled or have changed.</summary>
    public void Wake(IEnumerable<ProductId> ids) => waiters.Wake(ids);

    private async Task<(CachedProduct? Entry, bool Collapsed)> LookUntilAsync(
        ProductId id, Func<CachedProduct, bool> suffices, TimeSpan wait, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var collapsed = true;
        RevalidationMarker? marker = null;
        using var registration = waiters.Register(id);
        while (true)
        {
            // No wake is lost in this order: 1. listen, 2. look (and request, unless another reader has), 3. wait.
            var wake = registration.Listen();
            var revalidation = await cache.RevalidateAsync(id, marker, cancellationToken);
            if (revalidation.Lease is { } lease)
            {
                collapsed = false;
                await LeasedFillRequest.PublishAsync(cache, requests, lease, revalidation.Entry, CancellationToken.None);
            }

            if (revalidation.Outcome == RevalidationOutcome.Renewed || (revalidation.Entry is { } entry && suffices(entry)))
            {
                // A near copy may be older than this result. The reader must not see it afterwards.
                nearCache.Forget(id);
                return (revalidation.Entry, collapsed);
            }

            if (marker?.History != revalidation.History)
            {
                marker = revalidation.Outcome == RevalidationOutcome.Asked
                    ? new RevalidationMarker(revalidation.Entry, revalidation.History)
                    : null;
            }

            var left = wait - time.GetElapsedTime(began);
            if (left <= TimeSpan.Zero)
            {
                return (null, collapsed);
            }

            await registration.WaitAsync(wake, left, cancellationToken);
        }
    }
}
