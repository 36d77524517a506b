using System.Globalization;
using Confluent.Kafka;
using KafkaHeaders = Confluent.Kafka.Headers;

namespace MassTransit.KafkaIntegration;

/// <summary>Where the processing of a record failed. Headers and metrics contain the names.</summary>
internal enum DeadLetterStage
{
    /// <summary>The key, the value or the headers cannot be read.</summary>
    Deserialize,

    /// <summary>A consumer failed, retries included, or no consumer accepts the message.</summary>
    Consume,
}

/// <summary>
/// Produces records that cannot be processed to the dead-letter topic: key, value, headers and timestamp unchanged, and headers with the reason and the
/// origin. Without a dead-letter topic the record's partition stops.
/// </summary>
internal sealed class DeadLetters(TopicEndpoint endpoint, ProducerClient producer)
{
    /// <summary>The prefix of all headers that a dead letter has in addition to those of its record.</summary>
    public const string HeaderPrefix = "dead-letter-";

    public const string TopicHeader = "dead-letter-topic";

    public const string OmittedHeader = "dead-letter-omitted";

    /// <summary>The longest reason, in characters: the text of an exception has no limit, but a record has.</summary>
    public const int MaxReasonLength = 1_000;

    /// <summary>The delay between two attempts to produce a dead letter.</summary>
    public static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private readonly TopicEndpointSettings settings = endpoint.Settings;

    /// <summary>How much of a record is omitted from a dead letter that would be too large. A header contains the name.</summary>
    private enum Omitted
    {
        Nothing,
        Value,
        All,
    }

    /// <summary>
    /// Returns when the dead letter is acknowledged; until then the record is not committed. Tries until it is cancelled, at the end of the
    /// endpoint.
    /// </summary>
    public async Task PutAsync(
        AcceptedRecord accepted, DeadLetterStage stage, int attempts, Exception exception, CancellationToken cancellationToken)
    {
        var record = accepted.Record;
        if (settings.DeadLetterTopicOf(record.Topic) is not { } topic)
        {
            accepted.StopPartition(exception);
            return;
        }

        var stageName = stage.ToString().ToLowerInvariant();
        var omitted = Omitted.Nothing;
        while (true)
        {
            try
            {
                await producer
                    .ProduceAsync(new TopicPartition(topic, Partition.Any), Letter(record, stageName, attempts, exception, omitted), cancellationToken)
                    .ConfigureAwait(false);
                RiderMetrics.CountDeadLettered(settings, stageName);
                RiderLog.DeadLettered(endpoint.Logger, record.Topic, record.Partition.Value, record.Offset.Value, stageName, exception.GetType().Name);
                return;
            }
            catch (KafkaException tooLarge) when (tooLarge.Error.Code == ErrorCode.MsgSizeTooLarge && omitted != Omitted.All)
            {
                // It will never fit: its headers make it larger than the record. The complete record remains in its topic until the retention
                // removes it.
                omitted++;
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                RiderLog.DeadLetterFailed(
                    endpoint.Logger, record.Topic, record.Partition.Value, record.Offset.Value, topic, failure.Message);
                await Task.Delay(RetryInterval, endpoint.Time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The timestamp of a record for producing it again: producers may set only the type CreateTime, even if the brokers had set the timestamp.</summary>
    public static Timestamp TimeOf(ConsumeResult<byte[]?, byte[]?> record) => record.Message.Timestamp is { Type: not TimestampType.NotAvailable } timestamp
        ? new Timestamp(timestamp.UnixTimestampMs, TimestampType.CreateTime)
        : Timestamp.Default;

    private Message<byte[]?, byte[]?> Letter(ConsumeResult<byte[]?, byte[]?> record, string stage, int attempts, Exception exception, Omitted omitted)
    {
        var headers = new KafkaHeaders();
        foreach (var header in omitted == Omitted.All ? [] : record.Message.Headers)
        {
            headers.Add(header.Key, header.GetValueBytes());
        }

        var reason = exception.Message.Length > MaxReasonLength ? exception.Message[..MaxReasonLength] : exception.Message;
        WireHeaders.Set(headers, "dead-letter-stage", stage);
        WireHeaders.Set(headers, "dead-letter-reason", reason);
        WireHeaders.Set(headers, "dead-letter-exception", exception.GetType().FullName);
        WireHeaders.Set(headers, TopicHeader, record.Topic);
        WireHeaders.Set(headers, "dead-letter-partition", record.Partition.Value.ToString(CultureInfo.InvariantCulture));
        WireHeaders.Set(headers, "dead-letter-offset", record.Offset.Value.ToString(CultureInfo.InvariantCulture));
        WireHeaders.Set(headers, "dead-letter-group", settings.GroupId);
        WireHeaders.Set(headers, "dead-letter-attempts", attempts.ToString(CultureInfo.InvariantCulture));
        WireHeaders.Set(headers, OmittedHeader, omitted == Omitted.Nothing ? null : omitted.ToString().ToLowerInvariant());
        return new Message<byte[]?, byte[]?>
        {
            Key = omitted == Omitted.All ? null : record.Message.Key,
            Value = omitted == Omitted.Nothing ? record.Message.Value : null,
            Headers = headers,
            Timestamp = TimeOf(record),
        };
    }
}
