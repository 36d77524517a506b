using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Caching.Distributed;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// What the readers of this process miss. Single flight per product: however many readers miss it, one takes the lease
/// and publishes, and one looks again on behalf of all that wait. A singleton.
/// </summary>
/// <param name="lookAgain"><see cref="LookAgainInterval"/> unless told otherwise.</param>
public sealed class MissCoalescer(IDistributedCache cache, IGuardedCache guardedCache, IFillRequestPublisher requests, TimeSpan? lookAgain = null)
{
    /// <summary>Readers that may wait at one time; one more gets its answer at once.</summary>
    public const int MaxWaitingReaders = 20_000;

    /// <summary>How often a wait looks again by itself: notifications are sent once and can be lost.</summary>
    public static readonly TimeSpan LookAgainInterval = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<ProductId, Lazy<Task<bool>>> asking = new();
    private readonly Lock gate = new();

    // Only under the gate.
    private readonly Dictionary<ProductId, PendingFill> pendingFills = [];
    private int waitingReaders;

    /// <summary>Returns when the product has been requested, by this reader or another: whether by this one.</summary>
    /// <exception cref="UnavailableException">It could not be requested.</exception>
    public async Task<bool> AskAsync(ProductId id, CancellationToken cancellationToken)
    {
        var mine = new Lazy<Task<bool>>(() => AskOnceAsync(id));
        var first = asking.GetOrAdd(id, mine);
        return await first.Value.WaitAsync(cancellationToken) && ReferenceEquals(first, mine);
    }

    /// <summary>Requests the product and waits for its fill. No entry: not filled in time. Collapsed: another reader had asked.</summary>
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
            var entry = await reader.Task.WaitAsync(wait, cancellationToken);
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
    public void Wake(IEnumerable<ProductId> ids)
    {
        lock (gate)
        {
            foreach (var id in ids)
            {
                if (pendingFills.TryGetValue(id, out var pending))
                {
                    pending.Signal();
                }
            }
        }
    }

    // Not on behalf of one reader: it goes on when that one leaves, bounded by the deadlines of the ports.
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
        lock (gate)
        {
            isFirst = false;
            pending = null;
            if (waitingReaders >= MaxWaitingReaders)
            {
                return false;
            }

            waitingReaders++;
            if (!pendingFills.TryGetValue(id, out pending))
            {
                isFirst = true;
                var fill = pendingFills[id] = pending = new PendingFill();
                _ = Task.Run(() => FollowAsync(id, fill));
            }

            pending.Readers.Add(reader);
            pending.Signal();
            return true;
        }
    }

    private void Unregister(ProductId id, TaskCompletionSource<CachedProduct> reader)
    {
        lock (gate)
        {
            waitingReaders--;
            if (pendingFills.TryGetValue(id, out var pending) && pending.Readers.Remove(reader))
            {
                pending.Signal();
            }
        }
    }

    // The order keeps every fill: 1. a reader registers, 2. we look again, 3. take the lease and publish, 4. wait.
    // A fill before 2 is seen by the look; a fill after it wakes the wait, since its reader is registered.
    private async Task FollowAsync(ProductId id, PendingFill pending)
    {
        while (true)
        {
            TaskCompletionSource<CachedProduct>[] readers;
            lock (gate)
            {
                if (pending.Readers.Count == 0)
                {
                    pendingFills.Remove(id);
                    return;
                }

                readers = [.. pending.Readers];
                pending.ForgetSignal();
            }

            try
            {
                if (CachedProduct.TryRead(await cache.GetAsync(CacheKeys.Entry(id), CancellationToken.None), out var entry))
                {
                    // Only those who were there before the look: for a later one, what it found may be too old.
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

            await pending.WaitAsync(lookAgain ?? LookAgainInterval);
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

    private sealed class PendingFill
    {
        private readonly SemaphoreSlim signal = new(0, 1);

        /// <summary>Only under the gate.</summary>
        public HashSet<TaskCompletionSource<CachedProduct>> Readers { get; } = [];

        /// <summary>The lease was taken on behalf of these readers. Written by their follower only.</summary>
        public bool HasAsked { get; set; }

        /// <summary>Only under the gate, so that the count cannot pass one.</summary>
        public void Signal()
        {
            if (signal.CurrentCount == 0)
            {
                signal.Release();
            }
        }

        /// <summary>Only under the gate: what was signalled so far is seen by the look that follows.</summary>
        public void ForgetSignal() => signal.Wait(0);

        public Task WaitAsync(TimeSpan atMost) => signal.WaitAsync(atMost);
    }
}
