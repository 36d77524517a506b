namespace ProductCache.Application;

/// <summary>Publishes a fill request under a lease that was just taken, and releases the lease if that fails.</summary>
internal static class LeasedFillRequest
{
    /// <param name="renews">The cached entry beside which the lease was taken. A late Worker finds the entry after the lease has expired.</param>
    public static async Task PublishAsync(
        IGuardedCache cache, IFillRequestPublisher requests, Lease lease, CachedProduct? renews, CancellationToken cancellationToken)
    {
        try
        {
            await requests.PublishAsync(lease.Id, renews is null ? null : EntryTimes.Of(renews), cancellationToken);
        }
        catch
        {
            await ReleaseAsync(cache, lease, cancellationToken);
            throw;
        }
    }

    private static async Task ReleaseAsync(IGuardedCache cache, Lease lease, CancellationToken cancellationToken)
    {
        try
        {
            await cache.ReleaseAsync([lease], cancellationToken);
        }
        catch (UnavailableException)
        {
            // The lease ends when it expires.
        }
    }
}
