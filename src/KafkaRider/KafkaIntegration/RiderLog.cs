using Confluent.Kafka;
using MassTransit.Logging;
using Microsoft.Extensions.Logging;

namespace MassTransit.KafkaIntegration;

/// <summary>All log messages of the rider. None contains keys or values of records.</summary>
internal static partial class RiderLog
{
    public static void Client(ILogContext? log, LogMessage message)
    {
        if (log is not null)
        {
            ClientMessage(log.Logger, message.Facility, message.Message);
        }
    }

    public static void ClientError(ILogContext? log, Error error, bool again = false)
    {
        if (log is not null)
        {
            // An outage is logged once, not for every attempt to connect.
            var level = error.IsFatal ? LogLevel.Error : again || error.Code is ErrorCode.Local_Transport ? LogLevel.Debug : LogLevel.Warning;
            ClientFault(log.Logger, level, error.Code, ErrorText.Of(error), error.IsFatal);
        }
    }

    [LoggerMessage(1, LogLevel.Debug, "Kafka client: {Facility} {Text}")]
    public static partial void ClientMessage(ILogger logger, string facility, string text);

    [LoggerMessage(EventId = 2, Message = "Kafka client: {Code} {Reason} (fatal: {Fatal})")]
    public static partial void ClientFault(ILogger logger, LogLevel level, ErrorCode code, string reason, bool fatal);

    [LoggerMessage(3, LogLevel.Information, "{Topic}/{Group}: assigned partitions {Partitions}")]
    public static partial void Assigned(ILogger logger, string topic, string group, string partitions);

    [LoggerMessage(4, LogLevel.Information, "{Topic}/{Group}: {How} partitions {Partitions} with {Unfinished} unfinished records")]
    public static partial void Revoked(ILogger logger, string topic, string group, string how, string partitions, int unfinished);

    [LoggerMessage(5, LogLevel.Warning, "{Topic}[{Partition}]@{Offset} was moved to the dead-letter topic ({Stage}: {Exception})")]
    public static partial void DeadLettered(ILogger logger, string topic, int partition, long offset, string stage, string exception);

    [LoggerMessage(6, LogLevel.Error, "{Topic}[{Partition}]@{Offset} could not be moved to {DeadLetterTopic}, retrying: {Reason}")]
    public static partial void DeadLetterFailed(ILogger logger, string topic, int partition, long offset, string deadLetterTopic, string reason);

    [LoggerMessage(7, LogLevel.Warning, "{Topic}/{Group}: offsets were not committed, retrying: {Reason}")]
    public static partial void CommitFailed(ILogger logger, string topic, string group, string reason);

    [LoggerMessage(8, LogLevel.Warning, "{Topic}/{Group}: {Code} {Reason}")]
    public static partial void ConsumeFailed(ILogger logger, string topic, string group, ErrorCode code, string reason);

    [LoggerMessage(9, LogLevel.Error, "{Topic}/{Group}: the consumer failed and is restarted: {Reason}")]
    public static partial void ConsumerRestarts(ILogger logger, string topic, string group, string reason);

    [LoggerMessage(11, LogLevel.Warning, "{Topic}/{Group}: the consumer did not close in time and is abandoned")]
    public static partial void CloseHangs(ILogger logger, string topic, string group);

    [LoggerMessage(12, LogLevel.Warning, "{Topic}/{Group}: a batch of {Count} records failed and is retried in halves: {Reason}")]
    public static partial void BatchSplit(ILogger logger, string topic, string group, int count, string reason);

    [LoggerMessage(13, LogLevel.Error, "{Topic}[{Partition}]@{Offset}: group {Group} stopped the partition, because the record could not be handled and there is no dead-letter topic: {Reason}")]
    public static partial void PartitionStopped(ILogger logger, string topic, int partition, long offset, string group, string reason);

    [LoggerMessage(14, LogLevel.Information, "Created topic {Topic}")]
    public static partial void TopicCreated(ILogger logger, string topic);

    [LoggerMessage(15, LogLevel.Warning, "Topic {Topic} could not be created, retrying: {Reason}")]
    public static partial void TopicNotCreated(ILogger logger, string topic, string reason);

    [LoggerMessage(16, LogLevel.Warning, "{Topic}/{Group}: {Trouble}")]
    public static partial void TopicTroubled(ILogger logger, string topic, string group, string trouble);

    [LoggerMessage(
        17,
        LogLevel.Warning,
        "{Topic}/{Group}: ConcurrentConsumerLimit is {Limit}, but an endpoint has 1 consumer; records with different keys run side by side up to ConcurrentMessageLimit")]
    public static partial void OneConsumer(ILogger logger, string topic, string group, int limit);

    [LoggerMessage(10, LogLevel.Warning, "{Topic}/{Group}: stopping with {Count} unfinished records; they will be delivered again")]
    public static partial void StoppedUnfinished(ILogger logger, string topic, string group, int count);
}
