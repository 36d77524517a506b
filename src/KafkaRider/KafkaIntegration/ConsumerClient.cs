using Confluent.Kafka;
using KafkaRecord = Confluent.Kafka.ConsumeResult<byte[]?, byte[]?>;

namespace MassTransit.KafkaIntegration;

/// <summary>What a native client reports. It calls these methods while it is polled or closed.</summary>
internal interface IConsumerEvents
{
    /// <returns>Where the partitions are read from.</returns>
    IEnumerable<TopicPartitionOffset> OnAssigned(List<TopicPartition> partitions);

    /// <param name="partitions">The partitions that the group takes away.</param>
    /// <param name="lost">Whether they have another owner already.</param>
    void OnRevoked(List<TopicPartitionOffset> partitions, bool lost);

    void OnError(Error error);
}

/// <summary>One native client of a topic endpoint: a thin layer over Confluent's, which knows what an endpoint does with it.</summary>
internal sealed class ConsumerClient(TopicEndpoint endpoint, IConsumerEvents events)
{
    private readonly IConsumer<byte[]?, byte[]?> consumer = Build(endpoint, events);

    public Handle Handle => consumer.Handle;

    public void Subscribe() => consumer.Subscribe(endpoint.Settings.Topic);

    /// <returns>Null: there was none within the timeout.</returns>
    /// <exception cref="ConsumeException">The brokers, or the client, report an error.</exception>
    public KafkaRecord? Consume(TimeSpan timeout) => consumer.Consume(timeout) is { Message: not null } record ? record : null;

    public void Commit(IEnumerable<TopicPartitionOffset> offsets) => consumer.Commit(offsets);

    /// <summary>The end of a partition as of the last fetch: no request is made.</summary>
    public long EndOf(TopicPartition partition) => consumer.GetWatermarkOffsets(partition).High.Value;

    public void Pause() => consumer.Pause(consumer.Assignment);

    public void PauseStopped() => consumer.Pause(consumer.Assignment.Where(endpoint.Health.IsStopped));

    /// <summary>Resumes all partitions except those that have stopped at a record.</summary>
    public void Resume()
    {
        var resumed = consumer.Assignment.FindAll(partition => !endpoint.Health.IsStopped(partition));
        consumer.Resume(resumed);
        Wake(resumed);
    }

    /// <summary>Ends the pause of partitions that are revoked: the client would keep it, and would not read a partition that comes back.</summary>
    public void Forget(List<TopicPartitionOffset> revoked)
    {
        try
        {
            consumer.Resume(revoked.Select(partition => partition.TopicPartition));
        }
        catch (KafkaException)
        {
            // A partition that the client does not know any more is not paused.
        }
    }

    /// <summary>Leaves the group. On another thread, which is abandoned if it hangs: a stop or a restart must not hang.</summary>
    public void Close()
    {
        var closing = Task.Run(() =>
        {
            try
            {
                consumer.Close();
            }
            catch (KafkaException exception)
            {
                // After a fatal error it cannot leave: the group notices when the session ends.
                RiderLog.ClientError(endpoint.Context.LogContext, exception.Error, again: true);
            }
            finally
            {
                consumer.Dispose();
            }
        });
        if (!closing.Wait(endpoint.Timeouts.CloseTimeout))
        {
            RiderLog.CloseHangs(endpoint.Logger, endpoint.Settings.Topic, endpoint.Settings.GroupId);
        }
    }

    private static IConsumer<byte[]?, byte[]?> Build(TopicEndpoint endpoint, IConsumerEvents events)
    {
        var settings = endpoint.Settings;
        var config = endpoint.Client.With(settings.ConsumerConfig);
        config.EnableAutoCommit = false;
        config.EnableAutoOffsetStore = false;
        config.EnablePartitionEof = false;
        config.PartitionAssignmentStrategy ??= PartitionAssignmentStrategy.CooperativeSticky;
        if (settings.Ignored is { } ignored)
        {
            config.TopicBlacklist = config.TopicBlacklist is { Length: > 0 } others ? $"{others},{ignored}" : ignored;
        }

        config.TopicMetadataRefreshIntervalMs ??= (int)endpoint.Timeouts.MetadataRefreshInterval.TotalMilliseconds;
        var builder = endpoint.Client.NewConsumer(config)
            .SetPartitionsAssignedHandler((_, partitions) => events.OnAssigned(partitions))
            .SetPartitionsRevokedHandler((_, partitions) => { events.OnRevoked(partitions, lost: false); })
            .SetPartitionsLostHandler((_, partitions) => { events.OnRevoked(partitions, lost: true); })
            .SetErrorHandler((_, error) => events.OnError(error))
            .SetLogHandler((_, message) => RiderLog.Client(endpoint.Context.LogContext, message));
        if (settings.Statistics is { } statistics)
        {
            builder.SetStatisticsHandler((_, text) => statistics(text));
        }

        return builder.Build();
    }

    // The client's fetchers look for work when they receive any other request, and otherwise once a second.
    private void Wake(List<TopicPartition> partitions)
    {
        try
        {
            var end = new Timestamp(Offset.End.Value, TimestampType.CreateTime);
            consumer.OffsetsForTimes(partitions.Select(partition => new TopicPartitionTimestamp(partition, end)), endpoint.Timeouts.WakeTimeout);
        }
        catch (KafkaException)
        {
            // Fetching restarts within a second.
        }
    }
}
