using System.Diagnostics.Metrics;
using MediatR;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Kafka;
using ProductCache.Infrastructure.Mappings;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.Infrastructure;

/// <summary>
/// Relays the outbox to Kafka, batch by batch, and beside it brings the changes directly to Redis, so that neither waits for the other.
/// PostgreSQL notifies it of commits (LISTEN); it also polls, since notifications are lost with the connection. Any number of relays may run;
/// one of them refreshes directly, as long as it holds the lock.
/// </summary>
internal sealed class OutboxRelay : BackgroundService
{
    /// <summary>How often a lane polls without a notification.</summary>
    public static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    /// <summary>The same behind a pooler, which cannot forward notifications.</summary>
    public static readonly TimeSpan PooledPollInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>How long the relay leaves the processors to the direct refresh after a notification, at most.</summary>
    private static readonly TimeSpan HeadStart = TimeSpan.FromMilliseconds(10);

    /// <summary>The interval of retries while PostgreSQL or Kafka is unavailable.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    /// <summary>The interval of measurements of the outbox.</summary>
    private static readonly TimeSpan MeasureInterval = TimeSpan.FromSeconds(5);

    private readonly IMediator mediator;
    private readonly ChangeOutbox outbox;
    private readonly Migrator migrator;
    private readonly NpgsqlDataSource dataSource;
    private readonly PostgresOptions options;
    private readonly TimeProvider time;
    private readonly ILogger<OutboxRelay> logger;
    private readonly Counter<long> published;
    private readonly Counter<long> parked;
    private readonly Histogram<double> publishDuration;
    private readonly Dictionary<ChangeLane, WakeUp> wakeUps;
    private readonly TouchExpansions? expansions;
    private readonly WakeUp expansionsWakeUp;
    private readonly WorkerMetrics metrics;
    private readonly WakeUp directWakeUp;
    private readonly Dictionary<ChangeLane, OutboxPosition> positions = Enum.GetValues<ChangeLane>().ToDictionary(lane => lane, _ => new OutboxPosition());

    // Whether this process refreshes directly. Without sessions of its own (a pooler) it cannot hold a lock: then each one does.
    private volatile bool isElected;

    // Set by a lane that Kafka did not take, until it takes one.
    private volatile bool brokerIsAway;
    private OutboxState measured;
    private (long Count, TimeSpan Age) measuredExpansions;

    public OutboxRelay(
        IMediator mediator,
        ChangeOutbox outbox,
        Migrator migrator,
        NpgsqlDataSource dataSource,
        PostgresOptions options,
        TimeProvider time,
        IMeterFactory meters,
        WorkerMetrics metrics,
        ILogger<OutboxRelay> logger,
        TouchExpansions? expansions = null)
    {
        this.expansions = expansions;
        this.metrics = metrics;
        expansionsWakeUp = new WakeUp(time);
        directWakeUp = new WakeUp(time);
        isElected = options.TransactionPooler;
        this.mediator = mediator;
        this.outbox = outbox;
        this.migrator = migrator;
        this.dataSource = dataSource;
        this.options = options;
        this.time = time;
        this.logger = logger;
        wakeUps = Enum.GetValues<ChangeLane>().ToDictionary(lane => lane, _ => new WakeUp(time));
        var meter = meters.Create("ProductCache.Relay");
        published = meter.CreateCounter<long>("productcache.outbox.published", "{change}", "Changes that Kafka has acknowledged.");
        parked = meter.CreateCounter<long>("productcache.outbox.parked", "{change}", "Changes that could not be published and were parked.");
        publishDuration = meter.CreateDuration(
            "productcache.outbox.publish.duration", "The time of a batch of changes, from the outbox to the acknowledgement by Kafka and the removal.");
        meter.CreateObservableGauge("productcache.outbox.parked.waiting", () => measured.Parked, "{change}", "Parked changes, which wait for an operator.");
        meter.CreateObservableGauge("productcache.outbox.depth", () => measured.Depth, "{change}", "Changes that wait in the outbox.");
        meter.CreateObservableGauge(
            "productcache.expansions.depth", () => measuredExpansions.Count, "{expansion}", "Changed rows of a mapping whose products have not been found yet, in lists of up to 500.");
        meter.CreateObservableGauge("productcache.expansions.age", () => measuredExpansions.Age.TotalSeconds, "s", "The time that the oldest expansion has waited.");
        meter.CreateObservableGauge("productcache.outbox.age", () => measured.Age.TotalSeconds, "s", "The time that the oldest change has waited.");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await migrator.Done.WaitAsync(stoppingToken);
        List<Task> tasks = [ListenAsync(stoppingToken), MeasureAsync(stoppingToken)];
        tasks.AddRange(wakeUps.Keys.Select(lane => EmptyAsync($"{lane}", wakeUps[lane], () => RelayAsync(lane, stoppingToken), stoppingToken)));
        if (expansions is not null)
        {
            tasks.Add(EmptyAsync(nameof(expansions), expansionsWakeUp, () => expansions.ExpandAsync(stoppingToken), stoppingToken));
        }

        if (options.RefreshesDirectly)
        {
            tasks.Add(EmptyAsync("Direct", directWakeUp, () => RefreshDirectlyAsync(stoppingToken), stoppingToken));
        }

        await Task.WhenAll(tasks);
    }

    // Large statements take this way only while Kafka takes nothing: it would double their work, and their readers are served by Kafka soon enough.
    private async Task<bool> RefreshDirectlyAsync(CancellationToken stoppingToken)
    {
        if (!isElected)
        {
            return false;
        }

        var single = await RefreshDirectlyAsync(ChangeLane.Single, stoppingToken);
        if (single)
        {
            WakeLanes();
        }

        var bulk = brokerIsAway && await RefreshDirectlyAsync(ChangeLane.Bulk, stoppingToken);
        return single || bulk;
    }

    private async Task<bool> RefreshDirectlyAsync(ChangeLane lane, CancellationToken stoppingToken)
    {
        var result = await mediator.Send(new RefreshDirectly(lane, positions[lane]), stoppingToken);
        foreach (var change in result.Applied)
        {
            metrics.AppliedDirectly(change.ChangedAt);
        }

        return result.Rows > 0;
    }

    private async Task<bool> RelayAsync(ChangeLane lane, CancellationToken stoppingToken)
    {
        var began = time.GetTimestamp();
        var result = await mediator.Send(new RelayChanges(lane), stoppingToken);
        Count(result, began);
        if (result.Published > 0)
        {
            brokerIsAway = false;
        }

        return result.Taken > 0;
    }

    /// <param name="stepAsync">Returns false if there is nothing to do.</param>
    private async Task EmptyAsync(string lane, WakeUp wakeUp, Func<Task<bool>> stepAsync, CancellationToken stoppingToken)
    {
        var failing = false;
        while (true)
        {
            try
            {
                var hasMore = await stepAsync();
                if (failing)
                {
                    PostgresLog.RelayResumed(logger, lane);
                    failing = false;
                }

                if (!hasMore)
                {
                    await wakeUp.WaitAsync(options.TransactionPooler ? PooledPollInterval : PollInterval, stoppingToken);
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // Any exception: a lane that ended would hold back all later changes.
                brokerIsAway |= exception is UnavailableException { Dependency: Dependency.Broker };
                if (!failing)
                {
                    PostgresLog.RelayWaits(logger, lane, exception.Message, exception.InnerException?.Message);
                    failing = true;
                }

                await Task.Delay(RetryInterval, time, stoppingToken);
            }
        }
    }

    private void Count(RelayChangesResult result, long began)
    {
        published.Add(result.Published);
        if (result.Taken > 0)
        {
            publishDuration.Record(time.GetElapsedTime(began).TotalSeconds);
        }

        if (result.Parked > 0)
        {
            parked.Add(result.Parked);
            PostgresLog.Parked(logger, result.Parked);
        }
    }

    private async Task ListenAsync(CancellationToken stoppingToken)
    {
        while (!options.TransactionPooler)
        {
            try
            {
                await using var connection = await dataSource.OpenConnectionAsync(stoppingToken);
                connection.Notification += (_, _) => WakeAll(stoppingToken);
                await using (var listen = new NpgsqlCommand($"LISTEN \"{PostgresSchema.Of(options.Schema).Channel}\"", connection))
                {
                    await listen.ExecuteNonQueryAsync(stoppingToken);
                }

                // Commits before this connection listened were not notified.
                WakeAll(stoppingToken);
                while (true)
                {
                    isElected = isElected || await IsElectedAsync(connection, stoppingToken);

                    // The keepalive of the connection detects a dead connection.
                    await connection.WaitAsync(isElected ? Timeout.InfiniteTimeSpan : PollInterval, stoppingToken);
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                isElected = false;
                PostgresLog.NotListening(logger, exception.Message);
                await Task.Delay(RetryInterval, time, stoppingToken);
            }
        }
    }

    // The session of the notifications holds the lock: both end together.
    private async Task<bool> IsElectedAsync(NpgsqlConnection connection, CancellationToken stoppingToken)
    {
        if (!options.RefreshesDirectly)
        {
            return false;
        }

        await using var tryLock = new NpgsqlCommand("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", connection);
        tryLock.Parameters.AddWithValue($"product-cache direct refresh {options.Schema}");
        return (bool)(await tryLock.ExecuteScalarAsync(stoppingToken))!;
    }

    private void WakeAll(CancellationToken stoppingToken)
    {
        directWakeUp.Set();
        expansionsWakeUp.Set();
        if (isElected)
        {
            _ = WakeLanesLaterAsync(stoppingToken);
        }
        else
        {
            WakeLanes();
        }
    }

    // If the direct refresh is not done before.
    private async Task WakeLanesLaterAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(HeadStart, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        WakeLanes();
    }

    private void WakeLanes()
    {
        foreach (var wakeUp in wakeUps.Values)
        {
            wakeUp.Set();
        }
    }

    private async Task MeasureAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                measured = await outbox.MeasureAsync(stoppingToken);
                if (expansions is not null)
                {
                    measuredExpansions = await expansions.MeasureAsync(stoppingToken);
                }
            }
            catch (Exception) when (!stoppingToken.IsCancellationRequested)
            {
                // The last measurement is kept; the lanes report that PostgreSQL is unavailable.
            }

            await Task.Delay(MeasureInterval, time, stoppingToken);
        }
    }

    /// <summary>Wakes one waiter. A wake without a waiter is kept for the next wait.</summary>
    private sealed class WakeUp(TimeProvider time)
    {
        private TaskCompletionSource next = NewSource();

        public void Set() => Volatile.Read(ref next).TrySetResult();

        public async Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
        {
            var current = next;
            await current.Task.WaitAsync(atMost, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();

            // A wake meanwhile is not lost: the waiter reads the outbox next.
            if (current.Task.IsCompleted)
            {
                Volatile.Write(ref next, NewSource());
            }
        }

        private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
