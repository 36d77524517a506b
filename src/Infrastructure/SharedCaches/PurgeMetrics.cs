using System.Diagnostics.Metrics;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>The meter ProductCache.Purge: what became of purges, and how long they took. Each measurement has the tag cache.</summary>
internal sealed class PurgeMetrics
{
    private readonly Counter<long> purges;
    private readonly Counter<long> failures;
    private readonly Histogram<double> delay;
    private readonly Histogram<double> confirmed;
    private readonly TimeProvider time;

    public PurgeMetrics(IMeterFactory meters, TimeProvider time, IServiceProvider services)
    {
        this.time = time;
        var meter = meters.Create("ProductCache.Purge");
        purges = meter.CreateCounter<long>("productcache.purges", "{product}", "Products purged from shared caches, by outcome.");
        failures = meter.CreateCounter<long>("productcache.purge.failures", "{request}", "Requests to shared caches that failed and are repeated.");
        delay = meter.CreateDuration("productcache.purge.delay", "The time from the begin of the transaction that made a change to the acknowledgement of its first purge.");
        confirmed = meter.CreateDuration("productcache.purge.confirmed", "The same to the acknowledgement of the second purge, after which no copy is old.");
        meter.CreateObservableGauge("productcache.purge.waiting", () => Queues(services, queue => (long)queue.Waiting), "{product}", "Products that wait for their purge.");
        meter.CreateObservableGauge("productcache.purge.age", () => Queues(services, queue => queue.Age.TotalSeconds), "s", "The time that the oldest product has waited for its purge.");
    }

    public void Purged(string cache, int number) => purges.Add(number, Tag(cache), Outcome("purged"));

    public void Refused(string cache) => purges.Add(1, Tag(cache), Outcome("refused"));

    public void LeftOut(string cache) => purges.Add(1, Tag(cache), Outcome("left_out"));

    public void Failed(string cache) => failures.Add(1, Tag(cache));

    public void FirstPurged(string cache, DateTimeOffset changedAt) => delay.RecordSince(changedAt, time.GetUtcNow(), Tag(cache));

    public void Confirmed(string cache, DateTimeOffset changedAt) => confirmed.RecordSince(changedAt, time.GetUtcNow(), Tag(cache));

    private static IEnumerable<Measurement<T>> Queues<T>(IServiceProvider services, Func<PurgeQueue, T> valueOf)
        where T : struct => ((IEnumerable<PurgeQueue>?)services.GetService(typeof(IEnumerable<PurgeQueue>)) ?? []).Select(queue => new Measurement<T>(valueOf(queue), Tag(queue.Name)));

    private static KeyValuePair<string, object?> Tag(string cache) => new("cache", cache);

    private static KeyValuePair<string, object?> Outcome(string outcome) => new("outcome", outcome);
}
