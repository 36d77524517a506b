using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

internal static partial class RedisLog
{
    [LoggerMessage(200, LogLevel.Warning, "Not subscribed to notifications yet, trying again: {Reason}")]
    public static partial void NotSubscribed(ILogger logger, string reason);

    [LoggerMessage(201, LogLevel.Warning, "The connection to Redis at {EndPoint} was lost ({Failure})")]
    public static partial void ConnectionLost(ILogger logger, string? endPoint, ConnectionFailureType failure);

    [LoggerMessage(202, LogLevel.Information, "The connection to Redis at {EndPoint} is there again")]
    public static partial void ConnectionRestored(ILogger logger, string? endPoint);
}
