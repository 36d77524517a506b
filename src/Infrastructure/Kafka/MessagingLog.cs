using Microsoft.Extensions.Logging;

namespace ProductCache.Infrastructure.Kafka;

internal static partial class MessagingLog
{
    [LoggerMessage(300, LogLevel.Debug, "{Requests} requests: {Stored} stored, {AlreadyThere} already cached, {Refused} refused, {GivenUp} given up")]
    public static partial void Filled(ILogger logger, int requests, int stored, int alreadyThere, int refused, int givenUp);

    [LoggerMessage(301, LogLevel.Information, "Created topic {Topic}")]
    public static partial void TopicCreated(ILogger logger, string topic);

    [LoggerMessage(302, LogLevel.Warning, "Could not create topic {Topic}; it must be created by an operator: {Reason}")]
    public static partial void TopicNotCreated(ILogger logger, string topic, string reason);

    [LoggerMessage(303, LogLevel.Warning, "Could not reach Kafka to create topics; retrying: {Reason}")]
    public static partial void BrokerNotReached(ILogger logger, string reason);

    [LoggerMessage(305, LogLevel.Information, "The certificates or the password for Kafka have changed: connecting anew")]
    public static partial void CredentialsChanged(ILogger logger);

    [LoggerMessage(304, LogLevel.Debug, "{Changes} changes of {Products} products: {Replaced} entries replaced, {Removed} removed")]
    public static partial void Refreshed(ILogger logger, int changes, int products, int replaced, int removed);
}
