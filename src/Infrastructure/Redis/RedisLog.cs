using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

internal static partial class RedisLog
{
    [LoggerMessage(200, LogLevel.Warning, "Could not subscribe to notifications; retrying: {Reason}")]
    public static partial void NotSubscribed(ILogger logger, string reason);

    [LoggerMessage(201, LogLevel.Warning, "Connection to Redis at {EndPoint} lost ({Failure})")]
    public static partial void ConnectionLost(ILogger logger, string? endPoint, ConnectionFailureType failure);

    [LoggerMessage(202, LogLevel.Information, "Connection to Redis at {EndPoint} restored")]
    public static partial void ConnectionRestored(ILogger logger, string? endPoint);

    [LoggerMessage(203, LogLevel.Warning, "{Reason}. Products that are not cached cannot be served; changed products are removed from the cache if Redis permits it")]
    public static partial void Refused(ILogger logger, string reason);

    [LoggerMessage(204, LogLevel.Information, "Redis accepts writes again")]
    public static partial void RefusalEnded(ILogger logger);
}
