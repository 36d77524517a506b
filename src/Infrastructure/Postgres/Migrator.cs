using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Migrates the schema when the process starts, as soon as PostgreSQL is available. The Worker is not ready until then.</summary>
internal sealed class Migrator(IDbContextFactory<ProductsDbContext> contexts, NpgsqlDataSource dataSource, TimeProvider time, ILogger<Migrator> logger)
    : BackgroundService, IHealthCheck
{
    /// <summary>The key of the advisory lock: a number that other users of the database are unlikely to choose.</summary>
    private const long LockKey = 0x70726f6475637473;

    /// <summary>The interval of retries while PostgreSQL is unavailable.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    /// <summary>The timeout for the lock, which another instance may hold, and for one migration.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);

    private readonly TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? fault;

    /// <summary>Completes when the schema is up to date.</summary>
    public Task Done => done.Task;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Done.IsCompleted ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy($"The database is not migrated yet. {fault}".TrimEnd()));

    public async Task MigrateAsync(CancellationToken cancellationToken)
    {
        // The lock of EF is on a table that the first instance has yet to create, so instances queue for this lock instead. It belongs to
        // the transaction, so it also holds behind a pooler that assigns a session to each transaction.
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var takeLock = new NpgsqlCommand("SELECT pg_advisory_xact_lock($1)", connection, transaction) { CommandTimeout = (int)Timeout.TotalSeconds };
        takeLock.Parameters.AddWithValue(LockKey);
        await takeLock.ExecuteNonQueryAsync(cancellationToken);

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        context.Database.SetCommandTimeout(Timeout);
        await RefuseForeignTableAsync(context, connection, cancellationToken);
        await context.Database.MigrateAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    // A table of another application must not be changed.
    private static async Task RefuseForeignTableAsync(ProductsDbContext context, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if ((await context.Database.GetAppliedMigrationsAsync(cancellationToken)).Any())
        {
            return;
        }

        await using var find = new NpgsqlCommand("SELECT to_regclass('public.products') IS NOT NULL", connection);
        if (await find.ExecuteScalarAsync(cancellationToken) is true)
        {
            throw new ForeignTableException();
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
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // Logged once for each reason, not once per second.
                if (fault != exception.Message)
                {
                    fault = exception.Message;
                    PostgresLog.NotMigrated(logger, exception.Message);
                }

                await Task.Delay(RetryInterval, time, stoppingToken);
            }
        }
    }
}

/// <summary>The database has a table products that was not created by a migration of this service.</summary>
internal sealed class ForeignTableException() : Exception(
    "The table public.products was not created by ProductCache. Rename it, or set DB_NAME to another database.");
