using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>
/// The products that one shared cache has to purge. Requests for the same product are folded into one until it is sent. Requests go one after
/// the other, at most <see cref="PurgeOptions.RequestsPerSecond"/>; a failure is repeated.
/// </summary>
internal abstract class PurgeQueue(SharedCache cache, PurgeOptions options, PurgeMetrics metrics, TimeProvider time, ILogger logger) : BackgroundService
{
    /// <summary>The number of products that may wait for a purge without a promise. The others are bounded by the endpoint that waits for them.</summary>
    public const int MaxWaiting = 100_000;

    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();

    // Guarded by gate.
    private readonly Dictionary<ProductId, WaitingProduct> waiting = [];
    private TaskCompletionSource wake = NewSource();
    private IReadOnlyList<WaitingProduct> sending = [];

    // In a row, of the loop that sends.
    private int failures;

    public string Name => cache.Name;

    public int Waiting
    {
        get
        {
            lock (gate)
            {
                return waiting.Count + sending.Count;
            }
        }
    }

    /// <summary>How long the oldest product has waited.</summary>
    public TimeSpan Age
    {
        get
        {
            lock (gate)
            {
                return waiting.Values.Concat(sending).Select(product => time.GetElapsedTime(product.Since)).DefaultIfEmpty(TimeSpan.Zero).Max();
            }
        }
    }

    /// <summary>Purges the products soon. What does not fit is left out.</summary>
    public void Offer(IEnumerable<PurgedProduct> products, DateTimeOffset? changedAt)
    {
        lock (gate)
        {
            foreach (var product in products)
            {
                if (waiting.Count >= MaxWaiting)
                {
                    metrics.LeftOut(Name);
                    continue;
                }

                var entry = Enter_NeedsGate(product);
                entry.ChangedAt = entry.ChangedAt < changedAt ? entry.ChangedAt : changedAt;
            }
        }

        Wake();
    }

    /// <summary>Returns when requests that were sent after this call have been acknowledged for all of the products.</summary>
    /// <exception cref="PurgeRefusedException">The shared cache refuses one of them.</exception>
    public Task PurgeAsync(IReadOnlyCollection<PurgedProduct> products, CancellationToken cancellationToken)
    {
        List<Task> tasks = new(products.Count);
        lock (gate)
        {
            foreach (var product in products)
            {
                var purged = NewSource();
                Enter_NeedsGate(product).Callers.Add(purged);
                tasks.Add(purged.Task);
            }
        }

        Wake();
        return Task.WhenAll(tasks).WaitAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var rate = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / (options.RequestsPerSecond ?? cache.RequestsPerSecond)), time);
        var retry = FirstRetry;
        while (true)
        {
            if (Take(out var woken) is not { Count: > 0 } batch)
            {
                await woken.WaitAsync(stoppingToken);
                continue;
            }

            var isSent = await SendAsync(batch, stoppingToken);
            lock (gate)
            {
                sending = [];
            }

            if (isSent)
            {
                retry = FirstRetry;
                await rate.WaitForNextTickAsync(stoppingToken);
            }
            else
            {
                await Task.Delay(retry, time, stoppingToken);
                retry = retry * 2 < LastRetry ? retry * 2 : LastRetry;
            }
        }
    }

    /// <param name="woken">Completes when a product is added after this call.</param>
    private IReadOnlyList<WaitingProduct> Take(out Task woken)
    {
        lock (gate)
        {
            wake = NewSource();
            woken = wake.Task;
            sending = [.. waiting.Values.Take(cache.MaxProducts)];
            foreach (var product in sending)
            {
                waiting.Remove(product.Product.Id);
            }

            return sending;
        }
    }

    /// <returns>False: it has to be sent again, later.</returns>
    private async Task<bool> SendAsync(IReadOnlyList<WaitingProduct> batch, CancellationToken cancellationToken)
    {
        try
        {
            await cache.PurgeAsync([.. batch.Select(product => product.Product)], cancellationToken);
            if (failures > 0)
            {
                PurgeLog.WorksAgain(logger, Name);
                failures = 0;
            }

            Acknowledge(batch);
            return true;
        }
        catch (PurgeRefusedException refusal)
        {
            await RefuseAsync(batch, refusal, cancellationToken);
            return true;
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            // Any failure: a queue that ended would leave old products in the shared cache.
            metrics.Failed(Name);
            if (failures++ == 0)
            {
                PurgeLog.Failed(logger, Name, failure.Message);
            }

            if (failures < (cache.MaxAttempts ?? int.MaxValue))
            {
                PutBack(batch);
                return false;
            }

            foreach (var product in batch)
            {
                Refuse(product, new PurgeRefusedException($"{failure.Message}, {failures} times in a row"));
            }

            return true;
        }
    }

    private void Acknowledge(IReadOnlyList<WaitingProduct> batch)
    {
        metrics.Purged(Name, batch.Count);
        foreach (var product in batch)
        {
            if (product.ChangedAt is { } changedAt)
            {
                metrics.FirstPurged(Name, changedAt);
            }

            product.Callers.ForEach(purged => purged.TrySetResult());
        }
    }

    // One product must not keep the others from their purge.
    private async Task RefuseAsync(IReadOnlyList<WaitingProduct> batch, PurgeRefusedException refusal, CancellationToken cancellationToken)
    {
        if (batch.Count > 1)
        {
            foreach (var half in batch.Chunk((batch.Count + 1) / 2))
            {
                await SendAsync(half, cancellationToken);
            }

            return;
        }

        Refuse(batch[0], refusal);
    }

    private void Refuse(WaitingProduct product, PurgeRefusedException refusal)
    {
        metrics.Refused(Name);
        PurgeLog.Refused(logger, Name, product.Product.Id.ToString(), refusal.Message);
        product.Callers.ForEach(purged => purged.TrySetException(refusal));
    }

    private void PutBack(IReadOnlyList<WaitingProduct> batch)
    {
        lock (gate)
        {
            foreach (var product in batch)
            {
                if (waiting.TryGetValue(product.Product.Id, out var newer))
                {
                    newer.Absorb(product);
                }
                else
                {
                    waiting[product.Product.Id] = product;
                }
            }
        }
    }

    private WaitingProduct Enter_NeedsGate(PurgedProduct product)
    {
        if (waiting.TryGetValue(product.Id, out var entry))
        {
            entry.Product = product.Or(entry.Product);
        }
        else
        {
            waiting[product.Id] = entry = new WaitingProduct(product, time.GetTimestamp());
        }

        return entry;
    }

    private void Wake()
    {
        lock (gate)
        {
            wake.TrySetResult();
        }
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class WaitingProduct(PurgedProduct product, long since)
    {
        public PurgedProduct Product { get; set; } = product;

        public long Since { get; private set; } = since;

        /// <summary>When the oldest change was made that is purged for the first time. Null: there is none.</summary>
        public DateTimeOffset? ChangedAt { get; set; }

        /// <summary>Those who wait for the acknowledgement.</summary>
        public List<TaskCompletionSource> Callers { get; } = [];

        /// <summary>Takes over a request that failed.</summary>
        public void Absorb(WaitingProduct failed)
        {
            Product = Product.Or(failed.Product);
            Since = failed.Since;
            ChangedAt = failed.ChangedAt ?? ChangedAt;
            Callers.AddRange(failed.Callers);
        }
    }
}

/// <inheritdoc cref="PurgeQueue"/>
internal sealed class PurgeQueue<TCache>(TCache cache, PurgeOptions options, PurgeMetrics metrics, TimeProvider time, ILogger<PurgeQueue<TCache>> logger)
    : PurgeQueue(cache, options, metrics, time, logger)
    where TCache : SharedCache;
