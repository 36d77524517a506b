using Microsoft.Extensions.Logging;

namespace ProductCache.Infrastructure.SharedCaches;

internal static partial class PurgeLog
{
    [LoggerMessage(500, LogLevel.Warning, "Changes are not purged from {Cache}; retrying: {Reason}")]
    public static partial void Failed(ILogger logger, string cache, string reason);

    [LoggerMessage(501, LogLevel.Information, "Changes are purged from {Cache} again")]
    public static partial void WorksAgain(ILogger logger, string cache);

    [LoggerMessage(502, LogLevel.Error, "{Cache} refuses to purge product {Product}: {Reason}")]
    public static partial void Refused(ILogger logger, string cache, string product, string reason);
}
