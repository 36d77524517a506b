using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Brings the schema up to date when the process starts, as soon as PostgreSQL answers. Not ready until then.</summary>
internal sealed class Migrator(IDbContextFactory<ProductsDbContext> contexts, NpgsqlDataSource dataSource, ILogger<Migrator> logger)
    : BackgroundService, IHealthCheck
{
    /// <summary>Any number that no other user of the database takes for an advisory lock.</summary>
    private const long LockKey = 0x70726f6475637473;

    /// <summary>Between two tries while PostgreSQL is away.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    /// <summary>For waiting on another instance, and for one migration.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);

    private readonly TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when the schema is up to date.</summary>
    public Task Done => done.Task;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Done.IsCompleted ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("The database is not migrated yet."));

    public async Task MigrateAsync(CancellationToken cancellationToken)
    {
        // EF's own lock is on a table that the first of several instances has yet to create: they queue here instead.
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await ExecuteAsync(connection, "SELECT pg_advisory_lock($1)", cancellationToken);
        try
        {
            await using var context = await contexts.CreateDbContextAsync(cancellationToken);
            context.Database.SetCommandTimeout(Deadline);
            await context.Database.MigrateAsync(cancellationToken);
        }
        finally
        {
            await ExecuteAsync(connection, "SELECT pg_advisory_unlock($1)", CancellationToken.None);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!Done.IsCompleted)
        {
            try
            {
                await MigrateAsync(stoppingToken);
                done.TrySetResult();
                PostgresLog.Migrated(logger);
            }
            catch (NpgsqlException exception)
            {
                PostgresLog.NotMigrated(logger, exception.Message);
                await Task.Delay(RetryInterval, stoppingToken);
            }
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = (int)Deadline.TotalSeconds };
        command.Parameters.AddWithValue(LockKey);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
