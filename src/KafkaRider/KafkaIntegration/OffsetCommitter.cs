using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>Commits the progress of one client: at an interval, and earlier when it is signalled.</summary>
internal sealed class OffsetCommitter(TopicEndpoint endpoint, ConsumerClient client, PartitionAssignment assignment, StartOffsets startOffsets)
{
    private readonly TopicEndpointSettings settings = endpoint.Settings;
    private readonly SemaphoreSlim due = new(0, 1);

    /// <summary>Commits until it is cancelled. The caller then makes the last commit.</summary>
    public async Task RunAsync(CancellationToken ending)
    {
        await using var interval = endpoint.Time.CreateTimer(_ => Signal(), null, settings.CheckpointInterval, settings.CheckpointInterval).ConfigureAwait(false);
        try
        {
            while (true)
            {
                await due.WaitAsync(ending).ConfigureAwait(false);
                Commit(assignment.Checkpoints);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The session ends.
        }
    }

    /// <summary>Requests a commit before the interval is over.</summary>
    public void Signal()
    {
        // While a commit is on its way, all records signal.
        if (due.CurrentCount > 0)
        {
            return;
        }

        try
        {
            due.Release();
        }
        catch (SemaphoreFullException)
        {
            // Signalled already.
        }
    }

    /// <summary>Commits now. A failure is logged, not thrown: what is not committed is delivered again.</summary>
    public void Commit(IEnumerable<KeyValuePair<TopicPartition, Checkpoint>> progress)
    {
        List<(Checkpoint Checkpoint, TopicPartitionOffset Offset)> commits = [];
        foreach (var (partition, checkpoint) in progress)
        {
            if (checkpoint.TryGetCommittable(out var offset))
            {
                commits.Add((checkpoint, new TopicPartitionOffset(partition, offset)));
            }
        }

        if (commits.Count == 0)
        {
            return;
        }

        try
        {
            // Confluent's Commit has no timeout of its own.
            if (!Task.Run(() => client.Commit(commits.Select(commit => commit.Offset))).Wait(endpoint.Timeouts.CommitTimeout))
            {
                RiderLog.CommitFailed(endpoint.Logger, settings.Topic, settings.GroupId, "the brokers did not answer in time");
                return;
            }

            foreach (var (checkpoint, offset) in commits)
            {
                checkpoint.Committed(offset.Offset.Value);
                startOffsets.Committed(offset.TopicPartition);
            }

            settings.OffsetsCommitted?.Invoke(new CommittedOffsets(
                [.. commits.Select(commit => new TopicPartitionOffsetError(commit.Offset, new Error(ErrorCode.NoError)))], new Error(ErrorCode.NoError)));
        }
        catch (Exception exception)
        {
            // Also a failure of the user's handler: the loop that commits must continue.
            var failure = exception.GetBaseException();
            RiderLog.CommitFailed(
                endpoint.Logger,
                settings.Topic,
                settings.GroupId,
                failure is KafkaException kafka ? ErrorText.Of(kafka.Error, settings.Topic, settings.GroupId) : failure.Message);
        }
    }
}
