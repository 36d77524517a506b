namespace ProductCache.Client;

/// <summary>A product of a <see cref="LocalProductCache{T}"/>.</summary>
/// <param name="Entry">Null: there is no such product.</param>
/// <param name="IsLocal">It came from this process, and no change of it is known.</param>
public readonly record struct LocalProduct<T>(ProductEntry<T>? Entry, bool IsLocal);

/// <summary>
/// Products in this process. The events of the service drop what changes, within milliseconds. While they do not arrive the cache is not
/// sure: then it answers nothing from memory, and each read goes to the service.
/// </summary>
public sealed class LocalProductCache<T> : IAsyncDisposable
{
    private const string AllProducts = "products";

    /// <summary>Another Api of the service may answer with its own copy for this long after a change; such a product is not kept.</summary>
    private static readonly TimeSpan Spread = TimeSpan.FromSeconds(2);

    private readonly ProductCacheClient client;
    private readonly BoundedCache<ProductEntry<T>?> entries;
    private readonly BoundedCache<long> changed;
    private readonly CancellationTokenSource stopped = new();
    private readonly TimeProvider time;
    private readonly Task following;
    private readonly object gate = new();

    // Guarded by gate. It counts changes, so that a read that was overtaken by one is not kept.
    private long changes;
    private bool isConnected;
    private long lastHeard;

    internal LocalProductCache(ProductCacheClient client, int capacity, TimeProvider time)
    {
        (this.client, this.time) = (client, time);
        entries = new BoundedCache<ProductEntry<T>?>(capacity);
        changed = new BoundedCache<long>(capacity);
        following = FollowAsync();
    }

    /// <summary>Whether changes arrive now, so that a product in memory is the current one.</summary>
    public bool IsSure
    {
        get
        {
            lock (gate)
            {
                return isConnected && time.GetElapsedTime(lastHeard) < EventStream.MaxSilence;
            }
        }
    }

    /// <summary>Reads a product from memory, or from the service.</summary>
    /// <exception cref="ProductCacheException">The service answered with an error.</exception>
    public async Task<LocalProduct<T>> GetAsync(string id, CancellationToken cancellationToken = default)
    {
        if (IsSure && entries.TryGet(id, out var entry))
        {
            return new LocalProduct<T>(entry, IsLocal: true);
        }

        var before = Volatile.Read(ref changes);
        var read = await client.GetAsync<T>(id, cancellationToken: cancellationToken).ConfigureAwait(false);
        lock (gate)
        {
            if (isConnected && changes == before && !(changed.TryGet(id, out var at) && time.GetElapsedTime(at) < Spread))
            {
                entries.Set(id, read);
            }
        }

        return new LocalProduct<T>(read, IsLocal: false);
    }

    /// <summary>Ends the connection for events.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopped.CancelAsync().ConfigureAwait(false);
        try
        {
            await following.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // As asked.
        }

        stopped.Dispose();
    }

    private async Task FollowAsync()
    {
        await foreach (var change in client.FollowTagAsync<T>(AllProducts, stopped.Token).ConfigureAwait(false))
        {
            lock (gate)
            {
                lastHeard = time.GetTimestamp();
                Apply_NeedsGate(change);
            }
        }
    }

    private void Apply_NeedsGate(ProductEvent<T> change)
    {
        switch (change.Status)
        {
            case ProductStatus.Sure:
                // A read that began before may be older than the stream.
                changes += isConnected ? 0 : 1;
                isConnected = true;
                break;
            case ProductStatus.Unsure:
                // What changes until the stream is sure again is told then, or the stream begins again.
                isConnected = false;
                changes++;
                break;
            case ProductStatus.Reset:
                changes++;
                entries.Clear();
                break;
            default:
                changes++;
                changed.Set(change.Id, time.GetTimestamp());
                if (change.Status == ProductStatus.Current && entries.TryGet(change.Id, out _))
                {
                    entries.Set(change.Id, change.Entry);
                }
                else
                {
                    entries.Remove(change.Id);
                }

                break;
        }
    }
}
