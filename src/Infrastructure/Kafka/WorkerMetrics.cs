using System.Diagnostics.Metrics;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>The meter ProductCache.Worker: fills and changes.</summary>
internal sealed class WorkerMetrics
{
    private readonly Counter<long> fills;
    private readonly Histogram<double> fillDuration;
    private readonly Counter<long> changes;
    private readonly Histogram<double> visible;
    private readonly Counter<long> directChanges;
    private readonly Histogram<double> directlyVisible;
    private readonly TimeProvider time;

    public WorkerMetrics(IMeterFactory meters, TimeProvider time)
    {
        this.time = time;
        var meter = meters.Create("ProductCache.Worker");
        fills = meter.CreateCounter<long>("productcache.fills", "{product}", "Requested products, by what became of their fill.");
        fillDuration = meter.CreateDuration("productcache.fill.duration", "The time of a batch of fills, from its claim to its notification.");
        changes = meter.CreateCounter<long>("productcache.changes", "{change}", "Changes that were applied to Redis from Kafka.");
        visible = meter.CreateDuration("productcache.change.visible", "The time from the begin of the transaction that made a change through Kafka to Redis.");
        directChanges = meter.CreateCounter<long>("productcache.changes.direct", "{change}", "Changes that were applied to Redis from the outbox.");
        directlyVisible = meter.CreateDuration(
            "productcache.change.direct.visible", "The time from the begin of the transaction that made a change from the outbox to Redis.");
    }

    public void Filled(FillCacheResult result, long began)
    {
        Count(result.Stored, "stored");
        Count(result.AlreadyThere, "already_cached");
        Count(result.Refused, "refused");
        Count(result.GivenUp, "given_up");
        fillDuration.Record(time.GetElapsedTime(began).TotalSeconds);
    }

    public void Applied(DateTimeOffset changedAt)
    {
        changes.Add(1);
        visible.RecordSince(changedAt, time.GetUtcNow());
    }

    public void AppliedDirectly(DateTimeOffset changedAt)
    {
        directChanges.Add(1);
        directlyVisible.RecordSince(changedAt, time.GetUtcNow());
    }

    private void Count(int number, string outcome)
    {
        if (number > 0)
        {
            fills.Add(number, new KeyValuePair<string, object?>("outcome", outcome));
        }
    }
}
