using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure.Instances;

/// <summary>Reports this process to the board, every <see cref="Interval"/>.</summary>
/// <param name="hot">Null: this process has no readers.</param>
internal sealed class InstanceReporter(
    InstanceIdentity identity,
    InstanceBoard board,
    MetricSnapshot metrics,
    ServerStates servers,
    IOptions<HealthCheckServiceOptions> checks,
    TimeProvider time,
    HotProducts? hot = null) : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>Products that a report names.</summary>
    public const int MaxHot = 20;

    private readonly DateTimeOffset startedAt = time.GetUtcNow();

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await board.RemoveAsync(identity.Id, cancellationToken);
        }
        catch (UnavailableException)
        {
            // The report ends by itself.
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await board.WriteAsync(Report(), stoppingToken);
            }
            catch (UnavailableException)
            {
                // Others report that Redis is unavailable.
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private InstanceReport Report() => new(
        identity.Id,
        identity.Kind,
        identity.Host,
        InstanceIdentity.Version,
        startedAt,
        time.GetUtcNow(),
        [.. servers.All.OrderBy(check => check.Key, StringComparer.Ordinal).Select(check => new ServerReport(
            check.Key, check.Value.Reason is null, IsRequired(check.Key), check.Value.Reason, check.Value.Since))],
        metrics.Newest,
        [.. hot?.Top(MaxHot).Select(one => new HotProduct(one.Id.ToString(), one.Reads)) ?? []]);

    private bool IsRequired(string name) =>
        checks.Value.Registrations.Any(check => check.Name == name && check.Tags.Contains(HealthEndpoints.ReadyTag));
}

/// <param name="Kind">"api" or "worker".</param>
internal sealed record InstanceIdentity(string Kind)
{
    public static readonly string Version =
        typeof(InstanceIdentity).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

    public string Host { get; } = Environment.MachineName;

    public string Id { get; } = string.Create(CultureInfo.InvariantCulture, $"{Kind}:{Environment.MachineName}:{Environment.ProcessId}");
}
