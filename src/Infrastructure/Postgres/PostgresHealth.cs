using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Whether PostgreSQL answers a statement on the primary.</summary>
internal sealed class PostgresHealth(NpgsqlDataSource dataSource, PostgresFaults faults) : IHealthCheck
{
    private const string Ask = "SELECT pg_is_in_recovery()";

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await using var command = dataSource.CreateCommand(Ask);
            return await command.ExecuteScalarAsync(cancellationToken) is true
                ? HealthCheckResult.Unhealthy(faults.Standby)
                : HealthCheckResult.Healthy();
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or IOException)
        {
            return HealthCheckResult.Unhealthy(faults.Explain(exception));
        }
    }
}
