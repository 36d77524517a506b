namespace ProductCache.Application;

/// <summary>Publishes a request under a lease that was just taken; a request that could not be published gives the lease back.</summary>
internal static class LeasedFillRequest
{
    /// <param name="renews">The entry that the lease was taken over. A Worker that is late finds it without the lease.</param>
    public static async Task PublishAsync(
        IGuardedCache cache, IFillRequestPublisher requests, Lease lease, CachedProduct? renews, CancellationToken cancellationToken)
    {
        try
        {
            await requests.PublishAsync(lease.Id, renews is null ? null : EntryTimes.Of(renews), cancellationToken);
        }
        catch
        {
            await GiveBackAsync(cache, lease, cancellationToken);
            throw;
        }
    }

    private static async Task GiveBackAsync(IGuardedCache cache, Lease lease, CancellationToken cancellationToken)
    {
        try
        {
            await cache.ReleaseAsync([lease], cancellationToken);
        }
        catch (UnavailableException)
        {
            // The lease then ends by its own expiry.
        }
    }
}
