using System.Diagnostics.Metrics;
using MediatR;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using ProductCache.Application;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Runs the audit periodically. The Worker is not ready while the store needs a repair that this service may not make.</summary>
internal sealed class AuditLoop : BackgroundService, IHealthCheck
{
    /// <summary>The time between two audits. An audit that finds no fault takes one statement and two commands to Redis.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>The time after a failed repair, since the next one takes the same locks.</summary>
    public static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(30);

    private const string NotYet = "The database has not been audited yet.";

    private readonly IMediator mediator;
    private readonly Migrator migrator;
    private readonly TimeProvider time;
    private readonly ILogger<AuditLoop> logger;
    private readonly Counter<long> repairs;
    private readonly Counter<long> corrections;
    private bool areRowsSeen;
    private string? fault = NotYet;

    public AuditLoop(IMediator mediator, Migrator migrator, TimeProvider time, IMeterFactory meters, ILogger<AuditLoop> logger)
    {
        this.mediator = mediator;
        this.migrator = migrator;
        this.time = time;
        this.logger = logger;
        var meter = meters.Create("ProductCache.Audit");
        repairs = meter.CreateCounter<long>("productcache.audit.repairs", "{repair}", "Faults of the database that were found and repaired.");
        meter.CreateObservableGauge(
            "productcache.store.faults", () => Volatile.Read(ref fault) is null or NotYet ? 0 : 1, "{fault}", "1: the triggers or versions of the database need a repair that the Worker may not make.");
        corrections = meter.CreateCounter<long>("productcache.audit.corrections", "{entry}", "Entries that differed from their rows and were removed.");
    }

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Volatile.Read(ref fault) is { } reason ? HealthCheckResult.Unhealthy(reason) : HealthCheckResult.Healthy());

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await migrator.Done.WaitAsync(stoppingToken);
        while (true)
        {
            try
            {
                await AuditAsync(stoppingToken);
                if (Interlocked.Exchange(ref fault, null) is not (null or NotYet))
                {
                    PostgresLog.AuditSucceeded(logger);
                }
            }
            catch (UnavailableException silence) when (silence.InnerException is not PostgresException)
            {
                // An outage of PostgreSQL or Redis, which others report. The result of the last audit is kept.
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                Report(exception.InnerException is PostgresException answer ? PostgresText.Of(answer) : exception.Message);
            }

            await Task.Delay(fault is null or NotYet ? Interval : RetryInterval, time, stoppingToken);
        }
    }

    // Logged once for each reason, not at each interval.
    private void Report(string reason)
    {
        if (fault != reason)
        {
            fault = reason;
            PostgresLog.AuditFailed(logger, reason);
        }
    }

    private async Task AuditAsync(CancellationToken stoppingToken)
    {
        var result = await mediator.Send(new AuditStore(WithRows: !areRowsSeen), stoppingToken);
        areRowsSeen = true;
        foreach (var repair in result.Repairs)
        {
            PostgresLog.Repaired(logger, repair);
        }

        if (result.Compared > 0)
        {
            PostgresLog.Compared(logger, result.Compared, result.Corrected);
        }

        repairs.Add(result.Repairs.Count);
        corrections.Add(result.Corrected);
    }
}
