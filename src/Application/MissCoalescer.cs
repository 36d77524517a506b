using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Caching.Distributed;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Coalesces the misses of this process. Single flight per product: of all readers that miss it, one takes the lease and publishes, and
/// one looks again for all that wait. A singleton.
/// </summary>
/// <param name="lookAgainInterval">Null: <see cref="FillWaiters.LookAgainInterval"/>.</param>
public sealed class MissCoalescer(
    IDistributedCache cache, IGuardedCache guardedCache, IFillRequestPublisher requests, TimeProvider time, TimeSpan? lookAgainInterval = null)
{
    /// <summary>Readers that may wait at the same time. A further reader is answered at once.</summary>
    public const int MaxWaitingReaders = FillWaiters.MaxReaders;

    private readonly ConcurrentDictionary<ProductId, Lazy<Task<bool>>> asking = new();
    private readonly FillWaiters waiters = new(time, lookAgainInterval);
    private readonly Lock gate = new();

    // Only under the gate.
    private readonly Dictionary<ProductId, PendingFill> pendingFills = [];

    /// <summary>The number of readers that wait now.</summary>
    public int WaitingReaders => waiters.Readers;

    /// <summary>Returns when the product has been requested. True: by this reader; false: by another one.</summary>
    /// <exception cref="UnavailableException">It could not be requested.</exception>
    public async Task<bool> AskAsync(ProductId id, CancellationToken cancellationToken)
    {
        var mine = new Lazy<Task<bool>>(() => AskOnceAsync(id));
        var first = asking.GetOrAdd(id, mine);
        return await first.Value.WaitAsync(cancellationToken) && ReferenceEquals(first, mine);
    }

    /// <summary>Requests the product and waits for its fill. Entry is null if it was not filled in time; Collapsed: another reader requested it.</summary>
    /// <exception cref="UnavailableException">It could not be requested.</exception>
    public async Task<(CachedProduct? Entry, bool Collapsed)> WaitAsync(ProductId id, TimeSpan wait, CancellationToken cancellationToken)
    {
        var reader = new TaskCompletionSource<CachedProduct>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!TryRegister(id, reader, out var pending, out var isFirst))
        {
            return (null, !await AskAsync(id, cancellationToken));
        }

        try
        {
            var entry = await reader.Task.WaitAsync(wait, time, cancellationToken);
            return (entry, !(isFirst && pending.HasAsked));
        }
        catch (TimeoutException)
        {
            return (null, !(isFirst && pending.HasAsked));
        }
        finally
        {
            Unregister(id, reader);
        }
    }

    /// <summary>A notification: these products have been filled.</summary>
    public void Wake(IEnumerable<ProductId> ids) => waiters.Wake(ids);

    // Independent of the reader that started it: it continues when that reader leaves, within the timeouts of the ports.
    private async Task<bool> AskOnceAsync(ProductId id)
    {
        try
        {
            if (await guardedCache.TakeLeaseAsync(id, CancellationToken.None) is not { } lease)
            {
                return false;
            }

            await LeasedFillRequest.PublishAsync(guardedCache, requests, lease, renews: null, CancellationToken.None);
            return true;
        }
        finally
        {
            asking.TryRemove(id, out _);
        }
    }

    private bool TryRegister(
        ProductId id, TaskCompletionSource<CachedProduct> reader, [NotNullWhen(true)] out PendingFill? pending, out bool isFirst)
    {
        isFirst = false;
        pending = null;
        if (!waiters.TryEnter())
        {
            return false;
        }

        lock (gate)
        {
            if (!pendingFills.TryGetValue(id, out pending))
            {
                isFirst = true;
                var fill = pendingFills[id] = pending = new PendingFill(waiters.Register(id));
                _ = Task.Run(() => FollowAsync(id, fill));
            }

            pending.Readers.Add(reader);
            waiters.Wake(id);
            return true;
        }
    }

    private void Unregister(ProductId id, TaskCompletionSource<CachedProduct> reader)
    {
        lock (gate)
        {
            if (pendingFills.TryGetValue(id, out var pending) && pending.Readers.Remove(reader))
            {
                waiters.Wake(id);
            }
        }

        waiters.Leave();
    }

    // This order keeps every fill: 1. a reader registers, 2. the follower looks again, 3. takes the lease and publishes, 4. waits.
    // A fill before 2 is seen by the look; a fill after it wakes the wait, since the follower listens before it looks.
    private async Task FollowAsync(ProductId id, PendingFill pending)
    {
        while (true)
        {
            TaskCompletionSource<CachedProduct>[] readers;
            Task wake;
            lock (gate)
            {
                if (pending.Readers.Count == 0)
                {
                    pendingFills.Remove(id);
                    pending.Registration.Dispose();
                    return;
                }

                readers = [.. pending.Readers];
                wake = pending.Registration.Listen();
            }

            try
            {
                if (CachedProduct.TryRead(await cache.GetAsync(CacheKeys.Entry(id), CancellationToken.None), out var entry))
                {
                    // Only the readers that came before the look: for a later one its result may be too old.
                    End(pending, readers, reader => reader.TrySetResult(entry));
                    continue;
                }

                pending.HasAsked |= await AskAsync(id, CancellationToken.None);
            }
            catch (Exception exception)
            {
                End(pending, readers, reader => reader.TrySetException(exception));
                continue;
            }

            await pending.Registration.WaitAsync(wake, TimeSpan.MaxValue, CancellationToken.None);
        }
    }

    private void End(PendingFill pending, TaskCompletionSource<CachedProduct>[] readers, Action<TaskCompletionSource<CachedProduct>> end)
    {
        lock (gate)
        {
            pending.Readers.ExceptWith(readers);
        }

        Array.ForEach(readers, end);
    }

    private sealed class PendingFill(FillWaiters.Registration registration)
    {
        public FillWaiters.Registration Registration => registration;

        /// <summary>Only under the gate.</summary>
        public HashSet<TaskCompletionSource<CachedProduct>> Readers { get; } = [];

        /// <summary>The lease was taken for these readers. Written by their follower only.</summary>
        public bool HasAsked { get; set; }
    }
}
