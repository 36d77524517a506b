using Confluent.Kafka;
using KafkaRecord = Confluent.Kafka.ConsumeResult<byte[]?, byte[]?>;

namespace MassTransit.KafkaIntegration;

/// <summary>Polls one client and hands over what it gets: one record, or a batch of the records that are there. Only the poll thread uses it.</summary>
/// <param name="endpoint">The endpoint.</param>
/// <param name="client">The client.</param>
/// <param name="assignment">Its partitions.</param>
/// <param name="backPressure">Is informed of how far each partition is read.</param>
/// <param name="processor">Receives the records.</param>
/// <param name="limit">The most records of one poll, and for how long they are collected.</param>
internal sealed class RecordPoller(
    TopicEndpoint endpoint, ConsumerClient client, PartitionAssignment assignment, BackPressure backPressure, RecordProcessor processor, (int Count, TimeSpan Time) limit)
{
    private readonly List<KafkaRecord> polled = [];

    /// <exception cref="ConsumeException">A fatal error.</exception>
    public void Poll()
    {
        try
        {
            var wait = backPressure.IsPaused ? endpoint.Timeouts.PausedPollInterval : endpoint.Timeouts.PollInterval;
            var first = 0L;
            while (polled.Count < limit.Count
                && (polled.Count == 0 || endpoint.Time.GetElapsedTime(first) < limit.Time)
                && client.Consume(wait) is { } record)
            {
                first = polled.Count == 0 ? endpoint.Time.GetTimestamp() : first;
                polled.Add(record);
                wait = TimeSpan.Zero;
            }
        }
        catch (ConsumeException exception) when (!exception.Error.IsFatal)
        {
            OnConsumeFailed(exception.Error);
        }

        if (polled.Count > 0)
        {
            endpoint.Health.Received();
            Accept();
        }
    }

    /// <summary>Drops polled records of revoked partitions. The client revokes partitions during a poll.</summary>
    public void Discard(List<TopicPartitionOffset> revoked) =>
        polled.RemoveAll(record => revoked.Exists(partition => partition.TopicPartition == record.TopicPartition));

    private void OnConsumeFailed(Error error)
    {
        var (topic, group) = (endpoint.Settings.Topic, endpoint.Settings.GroupId);
        var reason = ErrorText.Of(error, topic, group);
        RiderLog.ConsumeFailed(endpoint.Logger, topic, group, error.Code, reason);
        if (ErrorText.IsDenial(error))
        {
            endpoint.Health.Denied(reason);
        }
        else
        {
            endpoint.Health.Failed(error.Code, reason);
        }
    }

    private void Accept()
    {
        var accepted = new AcceptedRecord[polled.Count];
        for (var i = 0; i < accepted.Length; i++)
        {
            var checkpoint = assignment.CheckpointOf(polled[i].TopicPartition);
            backPressure.Read(checkpoint, checkpoint.Begin(polled[i].Offset.Value));
            accepted[i] = new AcceptedRecord(polled[i], checkpoint);
        }

        polled.Clear();
        processor.Add(accepted);
    }
}
