using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Readers that wait for entries, by product. A wait ends when the product is woken, when its time is over, or after
/// <see cref="LookAgainInterval"/>: notifications are sent once and can be lost, so the reader looks again without one. No wake is lost
/// in this order: 1. listen, 2. look, 3. wait.
/// </summary>
/// <param name="lookAgainInterval">Null: <see cref="LookAgainInterval"/>.</param>
public sealed class FillWaiters(TimeProvider time, TimeSpan? lookAgainInterval = null)
{
    /// <summary>The number of readers that may wait at the same time.</summary>
    public const int MaxReaders = 20_000;

    /// <summary>How often a reader looks again without a notification.</summary>
    public static readonly TimeSpan LookAgainInterval = TimeSpan.FromMilliseconds(250);

    private readonly TimeProvider time = time;
    private readonly TimeSpan lookAgainInterval = lookAgainInterval ?? LookAgainInterval;
    private readonly Lock gate = new();

    // Only under the gate.
    private readonly Dictionary<ProductId, Signal> signals = [];
    private int readers;

    /// <summary>The number of readers that wait.</summary>
    public int Readers => Volatile.Read(ref readers);

    /// <summary>The number of products with a registration.</summary>
    public int Products
    {
        get
        {
            lock (gate)
            {
                return signals.Count;
            }
        }
    }

    /// <summary>Reserves a place for a reader, until <see cref="Leave"/>. False: <see cref="MaxReaders"/> wait already.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref readers) <= MaxReaders)
        {
            return true;
        }

        Leave();
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref readers);

    /// <summary>Registers for the wakes of a product, until the registration is disposed.</summary>
    public Registration Register(ProductId id)
    {
        lock (gate)
        {
            if (!signals.TryGetValue(id, out var signal))
            {
                signals[id] = signal = new Signal();
            }

            signal.Registrations++;
            return new Registration(this, id, signal);
        }
    }

    /// <summary>Wakes all who have registered for one of these products.</summary>
    public void Wake(params IEnumerable<ProductId> ids)
    {
        lock (gate)
        {
            foreach (var id in ids)
            {
                if (signals.TryGetValue(id, out var signal))
                {
                    signal.Next.TrySetResult();
                }
            }
        }
    }

    public readonly struct Registration : IDisposable
    {
        private readonly FillWaiters waiters;
        private readonly ProductId id;
        private readonly Signal signal;

        internal Registration(FillWaiters waiters, ProductId id, Signal signal) => (this.waiters, this.id, this.signal) = (waiters, id, signal);

        /// <summary>Completes at the next wake of the product.</summary>
        public Task Listen()
        {
            lock (waiters.gate)
            {
                if (signal.Next.Task.IsCompleted)
                {
                    signal.Next = NewSource();
                }

                return signal.Next.Task;
            }
        }

        /// <summary>Returns at the wake, after <paramref name="atMost"/> or after the interval, whichever comes first.</summary>
        /// <param name="wake">From <see cref="Listen"/>, called before the reader looked.</param>
        public async Task WaitAsync(Task wake, TimeSpan atMost, CancellationToken cancellationToken)
        {
            var interval = atMost < waiters.lookAgainInterval ? atMost : waiters.lookAgainInterval;
            await wake.WaitAsync(interval, waiters.time, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            cancellationToken.ThrowIfCancellationRequested();
        }

        public void Dispose()
        {
            lock (waiters.gate)
            {
                if (--signal.Registrations == 0)
                {
                    waiters.signals.Remove(id);
                }
            }
        }
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Shared by all registrations of a product. Only under the gate.</summary>
    internal sealed class Signal
    {
        public TaskCompletionSource Next { get; set; } = NewSource();

        public int Registrations { get; set; }
    }
}
