using System.Globalization;
using Confluent.Kafka;
using KafkaHeaders = Confluent.Kafka.Headers;

namespace MassTransit.KafkaIntegration;

/// <summary>Where a record's way ended. The names stand in the header and in the metric.</summary>
internal enum DeadLetterStage
{
    /// <summary>Its key, value or headers cannot be read.</summary>
    Deserialize,

    /// <summary>A consumer failed, retries included, or no consumer took it.</summary>
    Consume,
}

/// <summary>
/// Puts aside what cannot be processed: key, value, headers and timestamp as they came, plus why and from where. Without a dead-letter topic
/// the record's partition stops.
/// </summary>
internal sealed class DeadLetters(TopicEndpoint endpoint, ProducerClient producer)
{
    /// <summary>What the names of all headers begin with that a dead letter has and its record had not.</summary>
    public const string HeaderPrefix = "dead-letter-";

    public const string TopicHeader = "dead-letter-topic";

    public const string OmittedHeader = "dead-letter-omitted";

    /// <summary>Longest reason, in characters: an exception's text has no limit, a record has.</summary>
    public const int MaxReasonLength = 1_000;

    /// <summary>Between two tries to produce a dead letter.</summary>
    public static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private readonly TopicEndpointSettings settings = endpoint.Settings;

    /// <summary>How much of a record a dead letter leaves out, where all of it would be too large. The names stand in a header.</summary>
    private enum Omitted
    {
        Nothing,
        Value,
        All,
    }

    /// <summary>
    /// Returns once the dead letter is acknowledged; until then the record stays uncommitted. Gives up only when
    /// cancelled, at the end of the endpoint.
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
                // It will never fit: with its headers it is larger than the record was. The record itself stays in its topic for as
                // long as that keeps it.
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

    /// <summary>The time of a record, to be produced again: a producer may only tell it as its own, also where the brokers have set it.</summary>
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
