using Microsoft.Extensions.Diagnostics.HealthChecks;
using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// Takes a step like those of the protocol, on keys of its own. PING is not enough: a Redis whose memory is full, or that has become a
/// read-only replica, answers it.
/// </summary>
internal sealed class RedisHealth(IConnectionMultiplexer redis, RedisScripts scripts, RedisTimeout timeout, RedisNames names, RedisFaults faults) : IHealthCheck
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(5);

    /// <summary>No product has this id. The names follow the pattern of all products, so that permissions for keys are checked too.</summary>
    private static readonly RedisKey[] Keys = ["product:{.}", "lease:{.}"];

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await timeout.WithinAsync(
                names.DatabaseOf(redis).ScriptEvaluateAsync(scripts.Health, Keys, [Guid.NewGuid().ToString("N"), (long)Lifetime.TotalMilliseconds]),
                cancellationToken);
            timeout.Written();
            return HealthCheckResult.Healthy();
        }
        catch (Exception exception) when (exception is UnavailableException or RedisServerException)
        {
            return HealthCheckResult.Unhealthy(await faults.ExplainAsync(exception, cancellationToken));
        }
    }
}
