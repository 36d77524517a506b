using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>All shared caches that the settings name.</summary>
/// <param name="queues">Empty in a process that is not a Worker.</param>
internal sealed class SharedCachePurges(IEnumerable<SharedCache> caches, IEnumerable<PurgeQueue> queues) : ISharedCaches
{
    private readonly PurgeQueue[] queues = [.. queues];

    public Task PurgeAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) => AllAsync(async cache =>
    {
        foreach (var part in ids.Chunk(cache.MaxProducts))
        {
            await cache.PurgeAsync([.. part.Select(id => new PurgedProduct(id))], cancellationToken);
        }
    });

    public Task PurgeAllAsync(CancellationToken cancellationToken) => AllAsync(cache => cache.PurgeAllAsync(cancellationToken));

    public void PurgeSoon(IReadOnlyCollection<Change> changes, DateTimeOffset? changedAt)
    {
        foreach (var queue in queues)
        {
            queue.Offer(changes.Select(change => new PurgedProduct(change.Id, change)), changedAt);
        }
    }

    private async Task AllAsync(Func<SharedCache, Task> purgeAsync) => await Task.WhenAll(caches.Select(async cache =>
    {
        try
        {
            await purgeAsync(cache);
        }
        catch (Exception failure) when (failure is HttpRequestException or PurgeRefusedException)
        {
            throw new UnavailableException(Dependency.SharedCache, failure, $"{cache.Name} did not purge: {failure.Message}");
        }
    }));
}
