using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>
/// Migrates the schema when the process starts, as soon as PostgreSQL is available; or, with DB_MIGRATE=off, waits until another process has
/// done it. The Worker is not ready until then.
/// </summary>
internal sealed class Migrator(ISchemaMigration migration, PostgresOptions options, PostgresFaults faults, TimeProvider time, ILogger<Migrator> logger)
    : BackgroundService, IHealthCheck
{
    /// <summary>The interval of retries while PostgreSQL is unavailable.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private readonly TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? fault;

    /// <summary>Completes when the schema is up to date.</summary>
    public Task Done => done.Task;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Done.IsCompleted ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy($"The database is not migrated yet. {fault}".TrimEnd()));

    public Task MigrateAsync(CancellationToken cancellationToken) => migration.MigrateAsync(cancellationToken);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!Done.IsCompleted)
        {
            try
            {
                if (options.Migrates)
                {
                    await migration.MigrateAsync(stoppingToken);
                }
                else if (await migration.MissingAsync(stoppingToken) is { } missing)
                {
                    throw new MigrationException(missing);
                }

                done.TrySetResult();
                PostgresLog.Migrated(logger);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // Logged once for each reason, not once per second.
                var reason = faults.Explain(exception);
                if (fault != reason)
                {
                    fault = reason;
                    PostgresLog.NotMigrated(logger, reason);
                }

                await Task.Delay(RetryInterval, time, stoppingToken);
            }
        }
    }
}
