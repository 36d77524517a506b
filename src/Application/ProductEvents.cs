using System.Globalization;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>A position in the notifications of the cache. All processes number them alike.</summary>
public readonly record struct EventPosition(string Epoch, long Number)
{
    /// <summary>No epoch is longer.</summary>
    private const int MaxLength = 200;

    /// <returns>Null: the text is no position.</returns>
    public static EventPosition? Parse(string? text) =>
        text is { Length: > 0 and <= MaxLength } && text.LastIndexOf(':') is > 0 and var colon
        && long.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new EventPosition(text[..colon], number)
            : null;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Epoch}:{Number}");
}

/// <summary>
/// Tells subscribers which products have changed. It keeps ids and no products: a subscriber reads the cache when it can send, so one that
/// is slow gets the newest state once, and holds no more than the ids that it subscribes to. A singleton.
/// </summary>
/// <param name="maxSilence">After this time without a notification, a change may have been missed.</param>
public sealed class ProductEvents(TimeProvider time, TimeSpan maxSilence)
{
    /// <summary>The number of notifications of changes after which a subscriber that reconnects gets all of its products again.</summary>
    public const int MaxHistory = 4_096;

    /// <summary>The ids of all of them.</summary>
    public const int MaxHistoryIds = 100_000;

    private readonly Lock gate = new();

    // Guarded by gate.
    private readonly Dictionary<ProductId, HashSet<ProductSubscription>> byId = [];
    private readonly HashSet<ProductSubscription> ofAll = [];
    private readonly Queue<(long Number, IReadOnlyList<ProductId> Ids)> history = [];
    private int historyIds;
    private EventPosition? position;
    private long complete;
    private long lastHeard;
    private bool wasSure;

    /// <summary>Whether notifications arrive, so that no change is missed now.</summary>
    public bool IsSure
    {
        get
        {
            lock (gate)
            {
                return IsSure_NeedsGate();
            }
        }
    }

    /// <param name="ids">Null: all products, of which those that the subscriber is not interested in are skipped by itself.</param>
    /// <param name="after">What the subscriber has seen. Null: nothing.</param>
    /// <param name="isResumed">False: the subscriber has to read all of its products. True: the changes since then are pending.</param>
    public ProductSubscription Subscribe(IReadOnlyCollection<ProductId>? ids, EventPosition? after, out bool isResumed)
    {
        var subscription = new ProductSubscription(this, ids);
        lock (gate)
        {
            foreach (var id in ids ?? [])
            {
                if (!byId.TryGetValue(id, out var subscribers))
                {
                    byId[id] = subscribers = [];
                }

                subscribers.Add(subscription);
            }

            if (ids is null)
            {
                ofAll.Add(subscription);
            }

            isResumed = after is { } seen && seen.Epoch == position?.Epoch && seen.Number >= complete && seen.Number <= position.Value.Number;
            if (isResumed)
            {
                foreach (var id in history.Where(change => change.Number > after!.Value.Number).SelectMany(change => change.Ids).Where(id => ids?.Contains(id) != false))
                {
                    subscription.Add_NeedsGate(id);
                }
            }
        }

        return subscription;
    }

    /// <summary>A notification has arrived, in the order of their numbers, after the near cache has followed it.</summary>
    /// <param name="ids">The products that have changed or were filled; empty: a heartbeat.</param>
    public void OnNotification(string epoch, long number, IReadOnlyList<ProductId> ids)
    {
        lock (gate)
        {
            var follows = IsSure_NeedsGate() && position is { } last && last.Epoch == epoch && number == last.Number + 1;
            position = new EventPosition(epoch, number);
            lastHeard = time.GetTimestamp();
            if (!follows)
            {
                Forget_NeedsGate();
            }

            if (ids.Count > 0)
            {
                Remember_NeedsGate(number, ids);
                foreach (var id in ids)
                {
                    Add_NeedsGate(id);
                }
            }

            CheckSure_NeedsGate();
        }
    }

    /// <summary>A notification that cannot be read: any product may have changed.</summary>
    public void OnUnreadableNotification()
    {
        lock (gate)
        {
            position = null;
            Forget_NeedsGate();
        }
    }

    /// <summary>Called several times a second: tells all subscribers when notifications stop.</summary>
    public void CheckSilence()
    {
        lock (gate)
        {
            CheckSure_NeedsGate();
        }
    }

    internal ProductUpdates Take(ProductSubscription subscription)
    {
        lock (gate)
        {
            return subscription.Take_NeedsGate(position, IsSure_NeedsGate());
        }
    }

    internal void Remove(ProductSubscription subscription)
    {
        lock (gate)
        {
            ofAll.Remove(subscription);
            foreach (var id in subscription.Ids ?? [])
            {
                if (byId.TryGetValue(id, out var subscribers) && subscribers.Remove(subscription) && subscribers.Count == 0)
                {
                    byId.Remove(id);
                }
            }
        }
    }

    private bool IsSure_NeedsGate() => position is not null && time.GetElapsedTime(lastHeard) <= maxSilence;

    private void Add_NeedsGate(ProductId id)
    {
        if (byId.TryGetValue(id, out var subscribers))
        {
            foreach (var subscriber in subscribers)
            {
                subscriber.Add_NeedsGate(id);
            }
        }

        foreach (var subscriber in ofAll)
        {
            subscriber.Add_NeedsGate(id);
        }
    }

    // Changes may have been missed: everything is read again.
    private void Forget_NeedsGate()
    {
        history.Clear();
        historyIds = 0;
        complete = position?.Number ?? 0;
        foreach (var subscriber in All_NeedsGate())
        {
            subscriber.AddAll_NeedsGate();
        }
    }

    private void Remember_NeedsGate(long number, IReadOnlyList<ProductId> ids)
    {
        history.Enqueue((number, ids));
        historyIds += ids.Count;
        while (history.Count > MaxHistory || historyIds > MaxHistoryIds)
        {
            var (oldest, left) = history.Dequeue();
            historyIds -= left.Count;
            complete = oldest;
        }
    }

    private void CheckSure_NeedsGate()
    {
        if (IsSure_NeedsGate() is var isSure && isSure != wasSure)
        {
            wasSure = isSure;
            foreach (var subscriber in All_NeedsGate())
            {
                subscriber.Wake_NeedsGate();
            }
        }
    }

    private HashSet<ProductSubscription> All_NeedsGate() => [.. ofAll, .. byId.Values.SelectMany(subscribers => subscribers)];
}

/// <summary>What a subscriber has to look at.</summary>
/// <param name="Position">After these products the subscriber has seen everything up to here. Null: no notification has arrived yet.</param>
/// <param name="Ids">The products that may have changed.</param>
/// <param name="IsLost">More has changed than is kept for the subscriber: it has to begin again.</param>
/// <param name="IsSure">See <see cref="ProductEvents.IsSure"/>.</param>
public readonly record struct ProductUpdates(EventPosition? Position, IReadOnlyList<ProductId> Ids, bool IsLost, bool IsSure);

/// <summary>One subscriber of <see cref="ProductEvents"/>.</summary>
public sealed class ProductSubscription : IDisposable
{
    /// <summary>The products that are kept for a subscriber of all products.</summary>
    public const int MaxPending = 1_000;

    private readonly ProductEvents events;

    // Guarded by the gate of events.
    private readonly HashSet<ProductId> pending = [];
    private bool isLost;
    private TaskCompletionSource wake = NewSource();

    internal ProductSubscription(ProductEvents events, IReadOnlyCollection<ProductId>? ids) => (this.events, Ids) = (events, ids);

    /// <summary>Null: all products.</summary>
    public IReadOnlyCollection<ProductId>? Ids { get; }

    /// <summary>Takes what is pending. <paramref name="woken"/> completes when there is more, or when it is no longer known whether there is.</summary>
    public ProductUpdates Take(out Task woken)
    {
        var updates = events.Take(this);
        woken = wake.Task;
        return updates;
    }

    public void Dispose() => events.Remove(this);

    internal ProductUpdates Take_NeedsGate(EventPosition? position, bool isSure)
    {
        wake = NewSource();
        var updates = new ProductUpdates(position, [.. pending], isLost, isSure);
        pending.Clear();
        return updates;
    }

    internal void Add_NeedsGate(ProductId id)
    {
        if (Ids is null && pending.Count >= MaxPending)
        {
            isLost = true;
        }
        else
        {
            pending.Add(id);
        }

        Wake_NeedsGate();
    }

    internal void AddAll_NeedsGate()
    {
        isLost |= Ids is null;
        pending.UnionWith(Ids ?? []);
        Wake_NeedsGate();
    }

    internal void Wake_NeedsGate() => wake.TrySetResult();

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
