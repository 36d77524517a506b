using System.Collections.Concurrent;
using System.Diagnostics;
using Confluent.Kafka;
using MassTransit.Transports;
using Microsoft.Extensions.Logging;
using KafkaRecord = Confluent.Kafka.ConsumeResult<byte[]?, byte[]?>;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Polls a topic and hands its records to their handler, one by one or what there is at once: in order per key, side by
/// side across keys. Only records that are done are committed.
/// </summary>
internal sealed class TopicConsumer
{
    /// <summary>How long one poll waits for a record; a stop is noticed within it.</summary>
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>The same while paused, so that consumption resumes soon after there is room.</summary>
    private static readonly TimeSpan PausedPollInterval = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// How long polling stops for want of room before the partitions are paused: what the client has fetched ahead is lost
    /// by a pause, and rebalances wait for the next poll.
    /// </summary>
    private static readonly TimeSpan PausePatience = TimeSpan.FromMilliseconds(250);

    /// <summary>How long the leaders of partitions may take to answer when they are read again after a pause.</summary>
    private static readonly TimeSpan WakeTimeout = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a rebalance waits for records in flight of the partitions that it takes away.</summary>
    private static readonly TimeSpan RevokeDrainTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long a stop waits for records in flight, where the bus sets no ConsumerStopTimeout.</summary>
    private static readonly TimeSpan DefaultStopTimeout = TimeSpan.FromSeconds(10);

    /// <summary>How long a stop then waits for records that it has cancelled.</summary>
    private static readonly TimeSpan AbortTimeout = TimeSpan.FromSeconds(2);

    /// <summary>How long a commit may take.</summary>
    private static readonly TimeSpan CommitTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long closing a client may take: it leaves the group.</summary>
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long after a lost session partitions must be assigned again, while the brokers answer.</summary>
    private static readonly TimeSpan RejoinTimeout = TimeSpan.FromSeconds(30);

    /// <summary>How often the brokers are asked how it stands with the topic.</summary>
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(2);

    /// <summary>How often the client looks for a topic that is not there yet, where the endpoint does not say.</summary>
    private static readonly TimeSpan MetadataRefresh = TimeSpan.FromSeconds(10);

    /// <summary>Before a consumer that failed for good is made anew.</summary>
    private static readonly TimeSpan RestartDelay = TimeSpan.FromSeconds(1);

    private readonly ReceiveEndpointContext context;
    private readonly TopicEndpointSettings settings;
    private readonly KafkaRider rider;
    private readonly EndpointHealth health;
    private readonly IRecordHandler handler;
    private readonly ILogger logger;

    /// <summary>Handlings that may be queued or run: records, or batches, which are cut only when one can start.</summary>
    private readonly int capacity;

    /// <summary>With as many of them left, polling goes on.</summary>
    private readonly int roomy;

    private readonly CancellationTokenSource stopping = new();

    // Any thread.
    private readonly ConcurrentDictionary<TopicPartition, Checkpoint> checkpoints = new();
    private readonly ConcurrentDictionary<TopicPartition, long> ends = new();

    /// <summary>Where the group is somewhere of its own since the start, so that <see cref="TopicEndpointSettings.Offset"/> is over.</summary>
    private readonly ConcurrentDictionary<TopicPartition, bool> begun = new();

    private readonly KeyOrderedScheduler scheduler;
    private readonly SemaphoreSlim commitDue = new(0, 1);
    private readonly ManualResetEventSlim room = new();
    private int inFlight;
    private bool stopsDue;

    // Only the poll thread.
    private Checkpoint? farAhead;
    private readonly List<KafkaRecord> polled = [];
    private bool paused;
    private bool reassigned;
    private long? lostAt;
    private bool ready;
    private Exception? fatal;

    // Cancelled when a drain took too long; each native consumer has its own.
    private CancellationTokenSource aborting = new();

    private Task running = Task.CompletedTask;

    public TopicConsumer(
        ReceiveEndpointContext context,
        TopicEndpointSettings settings,
        KafkaRider rider,
        EndpointHealth health,
        Func<DeadLetters, IRecordHandler> createHandler)
    {
        this.context = context;
        this.settings = settings;
        this.rider = rider;
        this.health = health;
        logger = context.LogContext.Logger;
        handler = createHandler(new DeadLetters(settings, rider.Producer, StopPartition, logger));
        (capacity, roomy) = handler.Limit == 1
            ? (settings.PrefetchCount, settings.PrefetchCount / 2)
            : (settings.ConcurrentMessageLimit, settings.ConcurrentMessageLimit - 1);
        scheduler = new KeyOrderedScheduler(settings.ConcurrentMessageLimit, ProcessAsync);
    }

    // A thread of its own: Confluent's Consume blocks.
    public void Start() => running = Task.Factory.StartNew(
        Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        await running.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private void Run()
    {
        LogContext.SetCurrentIfNull(context.LogContext);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                context.DependenciesReady.Wait(stopping.Token);
                RunConsumer();
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                RiderLog.ConsumerRestarts(logger, settings.Topic, settings.GroupId, exception.Message);
                context.TransportObservers.NotifyFaulted(context.InputAddress, exception).GetAwaiter().GetResult();
                stopping.Token.WaitHandle.WaitOne(RestartDelay);
            }
        }

        context.TransportObservers.NotifyCompleted(context.InputAddress, handler.Metrics).GetAwaiter().GetResult();
    }

    private void RunConsumer()
    {
        fatal = null;
        ready = false;
        paused = false;
        reassigned = false;
        polled.Clear();
        farAhead = null;
        aborting = new CancellationTokenSource();
        lostAt = null;
        health.Begin();
        var consumer = Build();
        var probe = new TopicProbe(consumer.Handle, settings, logger);
        using var ending = new CancellationTokenSource();
        var committing = Task.Run(() => CommitLoopAsync(consumer, ending.Token), CancellationToken.None);
        var probing = Task.Run(() => ProbeLoopAsync(consumer, probe, ending.Token), CancellationToken.None);
        Func<IEnumerable<PartitionProgress>> progress = Progress;
        RiderMetrics.Add(settings, progress);
        try
        {
            consumer.Subscribe(settings.Topic);
            while (!stopping.IsCancellationRequested && fatal is null)
            {
                Poll(consumer);
                RequireRejoin();
            }
        }
        finally
        {
            // 1. Nothing more is polled, what is queued does not start, what runs may finish. 2. The last commit.
            // 3. Leave the group.
            Drain(checkpoints.Values, context.ConsumerStopTimeout ?? DefaultStopTimeout);
            if (checkpoints.Values.Sum(checkpoint => checkpoint.Running) is > 0 and var unfinished)
            {
                RiderLog.StoppedUnfinished(logger, settings.Topic, settings.GroupId, unfinished);
                Abort();
            }

            ending.Cancel();
            committing.Wait(CommitTimeout);
            Commit(consumer, checkpoints);
            RiderMetrics.Remove(progress);
            checkpoints.Clear();
            probing.Wait(TopicProbe.Timeout);
            probe.Dispose();
            Close(consumer);
        }

        if (fatal is not null)
        {
            throw fatal;
        }
    }

    private IConsumer<byte[]?, byte[]?> Build()
    {
        var config = rider.Settings.Client.With(settings.ConsumerConfig);
        config.EnableAutoCommit = false;
        config.EnableAutoOffsetStore = false;
        config.EnablePartitionEof = false;
        config.PartitionAssignmentStrategy ??= PartitionAssignmentStrategy.CooperativeSticky;
        if (settings.Ignored is { } ignored)
        {
            config.TopicBlacklist = config.TopicBlacklist is { Length: > 0 } others ? $"{others},{ignored}" : ignored;
        }

        config.TopicMetadataRefreshIntervalMs ??= (int)MetadataRefresh.TotalMilliseconds;
        var builder = rider.Settings.Client.NewConsumer(config)
            .SetPartitionsAssignedHandler((_, partitions) => OnAssigned(partitions))
            .SetPartitionsRevokedHandler((consumer, partitions) => { OnRevoked(consumer, partitions, lost: false); })
            .SetPartitionsLostHandler((consumer, partitions) => { OnRevoked(consumer, partitions, lost: true); })
            .SetErrorHandler((_, error) => OnError(error))
            .SetLogHandler((_, message) => RiderLog.Client(context.LogContext, message));
        if (settings.Statistics is { } statistics)
        {
            builder.SetStatisticsHandler((_, text) => statistics(text));
        }

        return builder.Build();
    }

    private void Poll(IConsumer<byte[]?, byte[]?> consumer)
    {
        ApplyBackPressure(consumer);
        try
        {
            var wait = paused ? PausedPollInterval : PollInterval;
            var first = 0L;
            while (polled.Count < handler.Limit
                && (polled.Count == 0 || Stopwatch.GetElapsedTime(first) < handler.TimeLimit)
                && consumer.Consume(wait) is { Message: not null } record)
            {
                first = polled.Count == 0 ? Stopwatch.GetTimestamp() : first;
                polled.Add(record);
                wait = TimeSpan.Zero;
            }
        }
        catch (ConsumeException exception)
        {
            if (exception.Error.IsFatal)
            {
                throw;
            }

            var reason = ErrorText.Of(exception.Error, settings.Topic, settings.GroupId);
            RiderLog.ConsumeFailed(logger, settings.Topic, settings.GroupId, exception.Error.Code, reason);
            if (ErrorText.IsDenial(exception.Error))
            {
                health.Denied(reason);
            }
            else
            {
                health.Failed(exception.Error.Code, reason);
            }
        }

        if (polled.Count > 0)
        {
            health.Received();
            Accept(polled);
            polled.Clear();
        }
    }

    // librdkafka joins again by itself after a session was lost, save in rare cases (a commit that was on its way when
    // the coordinator went): then only a new client helps.
    private void RequireRejoin()
    {
        if (lostAt is { } since && Stopwatch.GetElapsedTime(since) > RejoinTimeout && health.AnsweringFor > RejoinTimeout)
        {
            throw new TimeoutException($"no partitions were assigned within {RejoinTimeout.TotalSeconds} s after the session was lost");
        }
    }

    // Polling goes on while paused, so a slow consumer keeps its partitions.
    private void ApplyBackPressure(IConsumer<byte[]?, byte[]?> consumer)
    {
        if (Interlocked.Exchange(ref stopsDue, false))
        {
            consumer.Pause(consumer.Assignment.Where(health.IsStopped));
        }

        if (paused && reassigned)
        {
            // New partitions come unpaused, those that stayed are paused as before: all begin anew.
            Resume(consumer);
        }

        reassigned = false;
        if (!paused && IsFull && !WaitForRoom())
        {
            consumer.Pause(consumer.Assignment);
            paused = true;
        }
        else if (paused && HasRoom)
        {
            Resume(consumer);
        }
    }

    private void Resume(IConsumer<byte[]?, byte[]?> consumer)
    {
        var resumed = consumer.Assignment.FindAll(partition => !health.IsStopped(partition));
        consumer.Resume(resumed);
        Wake(consumer, resumed);
        paused = false;
        farAhead = null;
    }

    // The threads of the client that fetch look for something to fetch when they are asked for something else, and otherwise once a second.
    private static void Wake(IConsumer<byte[]?, byte[]?> consumer, List<TopicPartition> partitions)
    {
        try
        {
            var end = new Timestamp(Offset.End.Value, TimestampType.CreateTime);
            consumer.OffsetsForTimes(partitions.Select(partition => new TopicPartitionTimestamp(partition, end)), WakeTimeout);
        }
        catch (KafkaException)
        {
            // Then it is a second.
        }
    }

    private bool IsFull => Volatile.Read(ref inFlight) >= capacity || IsFarAhead;

    private bool HasRoom => Volatile.Read(ref inFlight) <= roomy && !IsFarAhead;

    // Of a partition that was stopped or taken away nothing more is read.
    private bool IsFarAhead => farAhead is { IsRevoked: false } && farAhead.Ahead >= settings.MessageLimit;

    private bool WaitForRoom()
    {
        room.Reset();
        return HasRoom || room.Wait(PausePatience, stopping.Token);
    }

    private void Accept(List<KafkaRecord> records)
    {
        Interlocked.Increment(ref inFlight);
        var accepted = new AcceptedRecord[records.Count];
        for (var i = 0; i < accepted.Length; i++)
        {
            var checkpoint = checkpoints.GetOrAdd(records[i].TopicPartition, _ => new Checkpoint());
            if (checkpoint.Begin(records[i].Offset.Value) >= settings.MessageLimit)
            {
                farAhead = checkpoint;
            }

            accepted[i] = new AcceptedRecord(records[i], checkpoint);
        }

        scheduler.Add(accepted);
    }

    private async Task ProcessAsync(AcceptedRecord[] records)
    {
        var started = Start(records);
        var done = false;
        try
        {
            done = started.Length > 0 && await handler.HandleAsync(started, aborting.Token).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Whatever it is, nothing is passed over, and nothing waits for it unseen.
            foreach (var record in started)
            {
                StopPartition(record, exception);
            }
        }

        foreach (var (record, checkpoint) in started)
        {
            if (!done)
            {
                checkpoint.Abandon(record.Offset.Value);
            }
            else if (checkpoint.Done(record.Offset.Value) % settings.CheckpointMessageCount == 0)
            {
                SignalCommit();
            }
        }

        if (Interlocked.Decrement(ref inFlight) == roomy)
        {
            room.Set();
        }
    }

    // What has not started when its partition goes away is the next owner's.
    private static AcceptedRecord[] Start(AcceptedRecord[] records) => records is [var only]
        ? Start(only) ? records : []
        : Array.FindAll(records, Start);

    private static bool Start(AcceptedRecord accepted) => accepted.Checkpoint.TryStart(accepted.Record.Offset.Value);

    // A record could not be handled and must not be passed over.
    private void StopPartition(AcceptedRecord record, Exception reason)
    {
        var at = record.Record.TopicPartitionOffset;
        record.Checkpoint.StopAt(at.Offset.Value);
        if (checkpoints.TryGetValue(at.TopicPartition, out var checkpoint) && checkpoint == record.Checkpoint)
        {
            health.Stopped(at, reason);
            Volatile.Write(ref stopsDue, true);
            RiderLog.PartitionStopped(logger, at.Topic, at.Partition.Value, at.Offset.Value, settings.GroupId, reason.Message);
        }
    }

    private IEnumerable<TopicPartitionOffset> OnAssigned(List<TopicPartition> partitions)
    {
        RiderLog.Assigned(logger, settings.Topic, settings.GroupId, Names(partitions));
        RiderMetrics.CountRebalance(settings, "assigned");
        health.Assigned();
        reassigned = true;
        lostAt = null;
        if (!ready)
        {
            ready = true;
            _ = Task.Run(() => context.TransportObservers.NotifyReady(context.InputAddress));
        }

        partitions.ForEach(health.Released);

        // Unset: where the group is.
        return [.. partitions.Select(partition => new TopicPartitionOffset(partition, begun.ContainsKey(partition) ? Offset.Unset : settings.Offset))];
    }

    // Called by Consume, on the poll thread. Lost partitions have another owner already: nothing to wait for, nothing to commit.
    private void OnRevoked(IConsumer<byte[]?, byte[]?> consumer, List<TopicPartitionOffset> partitions, bool lost)
    {
        if (lost)
        {
            lostAt = Stopwatch.GetTimestamp();
            health.Lost();
        }

        RiderMetrics.CountRebalance(settings, lost ? "lost" : "revoked");
        polled.RemoveAll(record => partitions.Exists(partition => partition.TopicPartition == record.TopicPartition));
        var revoked = checkpoints.Where(entry => partitions.Any(partition => partition.TopicPartition == entry.Key)).ToList();
        Drain(revoked.Select(entry => entry.Value), lost ? TimeSpan.Zero : RevokeDrainTimeout);
        if (!lost)
        {
            Commit(consumer, revoked);
        }

        revoked.ForEach(entry => checkpoints.TryRemove(entry));
        partitions.ForEach(partition => health.Released(partition.TopicPartition));
        Unpause(consumer, partitions);
        RiderLog.Revoked(
            logger,
            settings.Topic,
            settings.GroupId,
            lost ? "lost" : "gave up",
            Names(partitions.Select(partition => partition.TopicPartition)),
            revoked.Sum(entry => entry.Value.Running));
    }

    // The client keeps a pause beyond the assignment: a partition that comes back would not be read.
    private static void Unpause(IConsumer<byte[]?, byte[]?> consumer, List<TopicPartitionOffset> partitions)
    {
        try
        {
            consumer.Resume(partitions.Select(partition => partition.TopicPartition));
        }
        catch (KafkaException)
        {
            // What the client does not know any more is not paused.
        }
    }

    private void OnError(Error error)
    {
        RiderLog.ClientError(context.LogContext, error, again: !health.Failed(error.Code, ErrorText.Of(error)));
        if (error.IsFatal)
        {
            fatal = new KafkaException(error);
        }
    }

    // On another thread, and left behind if it hangs: a stop or a restart must not.
    private void Close(IConsumer<byte[]?, byte[]?> consumer)
    {
        var closing = Task.Run(() =>
        {
            try
            {
                consumer.Close();
            }
            catch (KafkaException exception)
            {
                // After a fatal error it cannot: the group misses it when its session ends.
                RiderLog.ClientError(context.LogContext, exception.Error, again: true);
            }
            finally
            {
                consumer.Dispose();
            }
        });
        if (!closing.Wait(CloseTimeout))
        {
            RiderLog.CloseHangs(logger, settings.Topic, settings.GroupId);
        }
    }

    private static void Drain(IEnumerable<Checkpoint> drained, TimeSpan atMost)
    {
        var waiting = drained.ToList();
        waiting.ForEach(checkpoint => checkpoint.Revoke());
        SpinWait.SpinUntil(() => waiting.TrueForAll(checkpoint => checkpoint.Running == 0), atMost);
    }

    private void Abort()
    {
        aborting.Cancel();
        SpinWait.SpinUntil(() => Volatile.Read(ref inFlight) == 0, AbortTimeout);
    }

    private async Task CommitLoopAsync(IConsumer<byte[]?, byte[]?> consumer, CancellationToken ending)
    {
        try
        {
            while (true)
            {
                await commitDue.WaitAsync(settings.CheckpointInterval, ending).ConfigureAwait(false);
                Commit(consumer, checkpoints);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The last commit is made by who ended the loop.
        }
    }

    private async Task ProbeLoopAsync(IConsumer<byte[]?, byte[]?> consumer, TopicProbe probe, CancellationToken ending)
    {
        using var timer = new PeriodicTimer(ProbeInterval);
        try
        {
            do
            {
                try
                {
                    var trouble = await probe.AskAsync().ConfigureAwait(false);
                    if (health.Answered(trouble) && trouble is not null)
                    {
                        RiderLog.TopicTroubled(logger, settings.Topic, settings.GroupId, trouble);
                    }

                    foreach (var partition in checkpoints.Keys)
                    {
                        ends[partition] = consumer.GetWatermarkOffsets(partition).High.Value;
                    }
                }
                catch (KafkaException exception)
                {
                    health.Failed(exception.Error.Code, ErrorText.Of(exception.Error));
                }
                catch (ObjectDisposedException)
                {
                    // The client was closed while it was asked.
                    return;
                }
            }
            while (await timer.WaitForNextTickAsync(ending).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The client is about to be closed.
        }
    }

    private IEnumerable<PartitionProgress> Progress() => checkpoints.Select(entry => new PartitionProgress(
        settings.IsPattern ? $"{entry.Key.Topic}[{entry.Key.Partition.Value}]" : $"{entry.Key.Partition.Value}",
        Math.Max(0, ends.GetValueOrDefault(entry.Key) - entry.Value.Position),
        entry.Value.CommitAge));

    private void Commit(IConsumer<byte[]?, byte[]?> consumer, IEnumerable<KeyValuePair<TopicPartition, Checkpoint>> progress)
    {
        List<(Checkpoint Checkpoint, TopicPartitionOffset Offset)> due = [];
        foreach (var (partition, checkpoint) in progress)
        {
            if (checkpoint.TryGetCommittable(out var offset))
            {
                due.Add((checkpoint, new TopicPartitionOffset(partition, offset)));
            }
        }

        if (due.Count == 0)
        {
            return;
        }

        try
        {
            // Confluent's Commit has no deadline of its own.
            if (!Task.Run(() => consumer.Commit(due.Select(commit => commit.Offset))).Wait(CommitTimeout))
            {
                RiderLog.CommitFailed(logger, settings.Topic, settings.GroupId, "no answer in time");
                return;
            }

            foreach (var (checkpoint, offset) in due)
            {
                checkpoint.Committed(offset.Offset.Value);
                begun.TryAdd(offset.TopicPartition, true);
            }

            settings.OffsetsCommitted?.Invoke(new CommittedOffsets(
                [.. due.Select(commit => new TopicPartitionOffsetError(commit.Offset, new Error(ErrorCode.NoError)))], new Error(ErrorCode.NoError)));
        }
        catch (Exception exception)
        {
            // Whatever it was: what is not committed is delivered again, and the loop that commits must go on.
            var failure = exception.GetBaseException();
            RiderLog.CommitFailed(
                logger, settings.Topic, settings.GroupId, failure is KafkaException kafka ? ErrorText.Of(kafka.Error, settings.Topic, settings.GroupId) : failure.Message);
        }
    }

    private void SignalCommit()
    {
        // While a commit is on its way, all records signal.
        if (commitDue.CurrentCount > 0)
        {
            return;
        }

        try
        {
            commitDue.Release();
        }
        catch (SemaphoreFullException)
        {
            // Signalled already.
        }
    }

    private static string Names(IEnumerable<TopicPartition> partitions) =>
        string.Join(",", partitions.Select(partition => partition.Partition.Value));
}
