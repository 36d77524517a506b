using Microsoft.Extensions.Logging;

namespace ProductCache.Infrastructure.Postgres;

internal static partial class PostgresLog
{
    [LoggerMessage(100, LogLevel.Information, "The database schema is up to date")]
    public static partial void Migrated(ILogger logger);

    [LoggerMessage(101, LogLevel.Warning, "The migration of the database failed; retrying: {Reason}")]
    public static partial void NotMigrated(ILogger logger, string reason);

    [LoggerMessage(102, LogLevel.Warning, "The relay of changes failed ({Lane}); retrying: {Reason} {Cause}")]
    public static partial void RelayWaits(ILogger logger, string lane, string reason, string? cause);

    [LoggerMessage(103, LogLevel.Information, "The relay of changes has recovered ({Lane})")]
    public static partial void RelayResumed(ILogger logger, string lane);

    [LoggerMessage(104, LogLevel.Error, "{Count} changes cannot be published and were parked: see the table product_changes_parked")]
    public static partial void Parked(ILogger logger, int count);

    [LoggerMessage(105, LogLevel.Warning, "LISTEN connection lost; polling the outbox every second until it is restored: {Reason}")]
    public static partial void NotListening(ILogger logger, string reason);

    [LoggerMessage(106, LogLevel.Error, "The database was repaired: {Repair}")]
    public static partial void Repaired(ILogger logger, string repair);

    [LoggerMessage(107, LogLevel.Warning, "{Compared} entries were compared with the database because changes may have been missed; {Corrected} differed and were removed")]
    public static partial void Compared(ILogger logger, int compared, int corrected);

    [LoggerMessage(108, LogLevel.Error, "The audit of the database failed; retrying: {Reason}")]
    public static partial void AuditFailed(ILogger logger, string reason);

    [LoggerMessage(109, LogLevel.Information, "The audit of the database has recovered")]
    public static partial void AuditSucceeded(ILogger logger);
}
