using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Instances;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.Infrastructure;

/// <summary>AUDIT_ENTRIES_PER_SECOND.</summary>
/// <param name="EntriesPerSecond">0: no audit of entries.</param>
public sealed record EntryAuditOptions(int EntriesPerSecond)
{
    public const string Setting = "AUDIT_ENTRIES_PER_SECOND";
    public const int Default = 2_000;

    public static EntryAuditOptions Read(Settings settings) => new(settings.Number(Setting, Default, 0, 1_000_000));
}

/// <summary>
/// Sweeps over all entries, compares them with their rows and corrects those that no change will correct: after triggers were switched off, a
/// Redis that came back with an older state, or an entry made by hand. One Worker at a time does it. Every entry is compared at least each
/// minute while there are at most 60 times <see cref="EntryAuditOptions.EntriesPerSecond"/>.
/// </summary>
internal sealed partial class EntryAuditor : BackgroundService
{
    /// <summary>The time between the beginnings of two sweeps at least.</summary>
    public static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(15);

    /// <summary>After this time without a sign of the Worker that sweeps, another one does.</summary>
    public static readonly TimeSpan Reservation = TimeSpan.FromSeconds(30);

    /// <summary>Differences of a sweep that are logged.</summary>
    public const int MaxLogged = 10;

    private readonly EntrySweep sweep;
    private readonly ICacheAudit audit;
    private readonly Migrator migrator;
    private readonly InstanceIdentity identity;
    private readonly EntryAuditOptions options;
    private readonly TimeProvider time;
    private readonly ILogger<EntryAuditor> logger;
    private readonly Counter<long> compared;
    private readonly Counter<long> repaired;

    // Null: this process does not sweep, or has not finished a sweep.
    private (long Differences, long FinishedAt)? last;

    public EntryAuditor(
        EntrySweep sweep,
        ICacheAudit audit,
        Migrator migrator,
        InstanceIdentity identity,
        EntryAuditOptions options,
        TimeProvider time,
        IMeterFactory meters,
        ILogger<EntryAuditor> logger)
    {
        (this.sweep, this.audit, this.migrator, this.identity, this.options, this.time, this.logger) = (sweep, audit, migrator, identity, options, time, logger);
        var meter = meters.Create("ProductCache.EntryAudit");
        compared = meter.CreateCounter<long>("productcache.audit.compared", "{entry}", "Entries that the sweep compared with their rows.");
        repaired = meter.CreateCounter<long>("productcache.audit.repaired", "{entry}", "Entries that differed and were corrected.");
        meter.CreateObservableGauge("productcache.audit.differences", Differences, "{entry}", "Entries that the last sweep found to differ from their rows. It should be 0.");
        meter.CreateObservableGauge("productcache.audit.sweep.age", SweepAge, "s", "The time since the last complete sweep.");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.EntriesPerSecond == 0)
        {
            return;
        }

        await migrator.Done.WaitAsync(stoppingToken);
        while (true)
        {
            var began = time.GetTimestamp();
            try
            {
                if (await audit.ReserveSweepAsync(identity.Id, Reservation, stoppingToken))
                {
                    await SweepAsync(stoppingToken);
                }
                else
                {
                    last = null;
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // An outage, which others report, or a row that cannot be repaired, which the log names. The age of the sweep grows.
                if (exception is not UnavailableException)
                {
                    SweepFailed(exception.Message);
                }
            }

            var elapsed = time.GetElapsedTime(began);
            await Task.Delay(elapsed < SweepInterval ? SweepInterval - elapsed : TimeSpan.Zero, time, stoppingToken);
        }
    }

    private async Task SweepAsync(CancellationToken stoppingToken)
    {
        var (differences, began) = (0L, time.GetTimestamp());
        await foreach (var step in sweep.RunAsync(repair: true, stoppingToken))
        {
            compared.Add(step.Compared);
            if (step.Confirmed is { } confirmed)
            {
                differences += confirmed.Differences.Count;
                Report(confirmed);
            }

            if (!await audit.ReserveSweepAsync(identity.Id, Reservation, stoppingToken))
            {
                return;
            }

            var pace = TimeSpan.FromSeconds((double)step.Compared / options.EntriesPerSecond) - time.GetElapsedTime(began);
            await Task.Delay(pace > TimeSpan.Zero ? pace : TimeSpan.Zero, time, stoppingToken);
            began = time.GetTimestamp();
        }

        last = (differences, time.GetTimestamp());
    }

    private void Report(ConfirmDifferencesResult confirmed)
    {
        repaired.Add(confirmed.Repaired);
        foreach (var difference in confirmed.Differences.Take(MaxLogged))
        {
            Differs(difference.Id, difference.Text, difference.Cached, difference.Stored);
        }

        if (confirmed.Differences.Count > 0)
        {
            Corrected(confirmed.Differences.Count, confirmed.Repaired);
        }
    }

    private IEnumerable<Measurement<long>> Differences() => last is { } finished ? [new Measurement<long>(finished.Differences)] : [];

    private IEnumerable<Measurement<double>> SweepAge() => last is { } finished ? [new Measurement<double>(time.GetElapsedTime(finished.FinishedAt).TotalSeconds)] : [];

    [LoggerMessage(1, LogLevel.Warning, "The cached product {Id} was wrong: {Text} (cached version {Cached}, stored version {Stored})")]
    private partial void Differs(ProductId id, string text, long cached, long? stored);

    [LoggerMessage(2, LogLevel.Warning, "{Differences} cached products differed from their rows; {Repaired} were corrected")]
    private partial void Corrected(int differences, int repaired);

    [LoggerMessage(3, LogLevel.Error, "The audit of the cached products failed and is repeated: {Reason}")]
    private partial void SweepFailed(string reason);
}

public static class EntryAuditRegistration
{
    /// <summary>For Workers: the audit of entries. Needs the adapters for PostgreSQL and Redis.</summary>
    public static IServiceCollection AddEntryAudit(this IServiceCollection services, EntryAuditOptions options) =>
        services.AddSingleton(options).AddHostedService<EntryAuditor>();
}
