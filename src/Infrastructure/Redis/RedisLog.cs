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

    [LoggerMessage(203, LogLevel.Warning, "{Reason}. Products that are not cached cannot be served, and changed ones leave the cache where Redis allows that")]
    public static partial void Refused(ILogger logger, string reason);

    [LoggerMessage(204, LogLevel.Information, "Redis accepts writes again")]
    public static partial void RefusalEnded(ILogger logger);
}
