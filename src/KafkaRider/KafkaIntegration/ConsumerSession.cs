using Confluent.Kafka;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// One native client from its creation to its end: polls the topic and hands the records over. Nothing here is ever reset; after a failure
/// the consumer makes another session. The constructor creates the client, and <see cref="Run"/> closes it.
/// </summary>
internal sealed class ConsumerSession : IConsumerEvents
{
    private readonly TopicEndpoint endpoint;
    private readonly InFlightCounter inFlight;
    private readonly PartitionAssignment assignment;
    private readonly BackPressure backPressure;
    private readonly RejoinWatch rejoin;
    private readonly ConsumerClient client;
    private readonly OffsetCommitter committer;
    private readonly RecordPoller poller;
    private readonly int generation;

    /// <summary>Cancelled when records in flight take longer to end than a stop waits.</summary>
    private readonly CancellationTokenSource aborting = new();

    // Only the poll thread; the client reports its events on it.
    private bool ready;
    private Exception? fatal;

    public ConsumerSession(TopicEndpoint endpoint, IRecordHandler handler, KeyOrderedScheduler scheduler, InFlightCounter inFlight, StartOffsets startOffsets)
    {
        this.endpoint = endpoint;
        this.inFlight = inFlight;
        generation = endpoint.Client.Generation;
        var settings = endpoint.Settings;
        assignment = new PartitionAssignment(endpoint, startOffsets);
        backPressure = new BackPressure(inFlight, settings.MessageLimit, endpoint.Timeouts.PauseDelay);
        rejoin = new RejoinWatch(endpoint.Timeouts.RejoinTimeout, () => endpoint.Health.AnsweringFor, endpoint.Time);
        client = new ConsumerClient(endpoint, this);
        committer = new OffsetCommitter(endpoint, client, assignment, startOffsets);
        var processor = new RecordProcessor(handler, scheduler, inFlight, committer, settings.CheckpointMessageCount, aborting.Token);
        poller = new RecordPoller(endpoint, client, assignment, backPressure, processor, (handler.Limit, handler.TimeLimit));
    }

    /// <summary>Polls until the endpoint stops or the settings of its clients change.</summary>
    /// <exception cref="KafkaException">The client failed for good.</exception>
    /// <exception cref="TimeoutException">The client did not rejoin its group.</exception>
    public void Run(CancellationToken stopping)
    {
        var probe = new TopicProbe(endpoint, client, assignment);
        using var ending = new CancellationTokenSource();
        var committing = Task.Run(() => committer.RunAsync(ending.Token), CancellationToken.None);
        var probing = Task.Run(() => probe.RunAsync(ending.Token), CancellationToken.None);
        Func<IEnumerable<PartitionProgress>> progress = assignment.Progress;
        RiderMetrics.Add(endpoint.Settings, progress);
        try
        {
            client.Subscribe();
            while (!stopping.IsCancellationRequested && fatal is null && endpoint.Client.Generation == generation)
            {
                ApplyBackPressure(stopping);
                poller.Poll();
                RequireRejoin();
            }
        }
        finally
        {
            Shutdown(ending, committing, probe, probing);
            RiderMetrics.Remove(progress);
        }

        if (fatal is not null)
        {
            throw fatal;
        }
    }

    public IEnumerable<TopicPartitionOffset> OnAssigned(List<TopicPartition> partitions)
    {
        RiderLog.Assigned(endpoint.Logger, endpoint.Settings.Topic, endpoint.Settings.GroupId, PartitionAssignment.Names(partitions));
        RiderMetrics.CountRebalance(endpoint.Settings, "assigned");
        endpoint.Health.Assigned();
        backPressure.Reassigned();
        rejoin.Assigned();
        if (!ready)
        {
            ready = true;
            _ = Task.Run(() => endpoint.Context.TransportObservers.NotifyReady(endpoint.Context.InputAddress));
        }

        return assignment.Assign(partitions);
    }

    public void OnRevoked(List<TopicPartitionOffset> partitions, bool lost)
    {
        if (lost)
        {
            rejoin.Lost();
            endpoint.Health.Lost();
        }

        RiderMetrics.CountRebalance(endpoint.Settings, lost ? "lost" : "revoked");
        poller.Discard(partitions);

        // Lost partitions have another owner already: there is nothing to wait for and nothing to commit.
        var revoked = assignment.Revoke(partitions, lost ? TimeSpan.Zero : endpoint.Timeouts.RevokeDrainTimeout);
        if (!lost)
        {
            committer.Commit(revoked);
        }

        assignment.Release(partitions, revoked);
        client.Forget(partitions);
        RiderLog.Revoked(
            endpoint.Logger,
            endpoint.Settings.Topic,
            endpoint.Settings.GroupId,
            lost ? "lost" : "released",
            PartitionAssignment.Names(partitions.Select(partition => partition.TopicPartition)),
            revoked.Sum(entry => entry.Value.Running));
    }

    public void OnError(Error error)
    {
        RiderLog.ClientError(endpoint.Context.LogContext, error, again: !endpoint.Health.Failed(error.Code, ErrorText.Of(error)));
        if (error.IsFatal)
        {
            fatal = new KafkaException(error);
        }
    }

    private void ApplyBackPressure(CancellationToken stopping)
    {
        if (assignment.TakeNewStops())
        {
            client.PauseStopped();
        }

        if (backPressure.TryResume())
        {
            client.Resume();
        }

        if (backPressure.TryPause(stopping))
        {
            client.Pause();
        }
    }

    private void RequireRejoin()
    {
        if (rejoin.IsOverdue)
        {
            throw new TimeoutException($"no partitions were assigned within {endpoint.Timeouts.RejoinTimeout.TotalSeconds} s after the session was lost");
        }
    }

    private void Shutdown(CancellationTokenSource ending, Task committing, TopicProbe probe, Task probing)
    {
        // 1. Nothing more is polled. Queued records do not start; running ones may end, and are cancelled if they take too long.
        assignment.Drain(endpoint.Context.ConsumerStopTimeout ?? endpoint.Timeouts.StopDrainTimeout);
        if (assignment.Running is > 0 and var unfinished)
        {
            RiderLog.StoppedUnfinished(endpoint.Logger, endpoint.Settings.Topic, endpoint.Settings.GroupId, unfinished);
            aborting.Cancel();
            SpinWait.SpinUntil(() => inFlight.Count == 0, endpoint.Timeouts.AbortTimeout);
        }

        // 2. The last commit, after the loop that commits has ended.
        ending.Cancel();
        committing.Wait(endpoint.Timeouts.CommitTimeout);
        committer.Commit(assignment.Checkpoints);
        assignment.Clear();

        // 3. The probe uses the client, so it ends first.
        probing.Wait(endpoint.Timeouts.ProbeTimeout);
        probe.Dispose();

        // 4. Leave the group.
        client.Close();
    }
}
