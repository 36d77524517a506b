using System.Diagnostics.Metrics;
using ProductCache.Application;

namespace ProductCache.Api.Products;

/// <summary>Measurements of reads beside their outcomes: misses, waiting readers, which products are read most, and whether hits are right.</summary>
internal sealed class ReadMetrics
{
    private readonly HotProducts hot;
    private readonly IShadowReads? shadow;
    private readonly Counter<long> misses;

    /// <param name="shadow">Null: hits are not compared with the store.</param>
    public ReadMetrics(IMeterFactory meters, MissCoalescer coalescer, Revalidator revalidator, HotProducts hot, IShadowReads? shadow = null)
    {
        (this.hot, this.shadow) = (hot, shadow);
        var meter = meters.Create("ProductCache.Api");
        misses = meter.CreateCounter<long>(
            "productcache.misses", "{read}", "Reads that the cache could not answer, by reason. Collapsed: another reader had requested the fill.");
        meter.CreateObservableGauge(
            "productcache.readers.waiting", () => coalescer.WaitingReaders + revalidator.WaitingReaders, "{reader}", "Readers that wait for a fill.");
    }

    public void Count(Domain.ProductId id, GetProductResult result)
    {
        hot.Read(id);
        if (shadow is not null && result is GetProductResult.Found { Source: EntrySource.NearCache or EntrySource.Cache } hit)
        {
            shadow.Hit(id, hit.Entry);
        }

        if (result.Forwarded is { } forward)
        {
            misses.Add(
                1,
                new KeyValuePair<string, object?>("reason", NameOf(forward.Reason)),
                new KeyValuePair<string, object?>("collapsed", forward.Collapsed ? "true" : "false"));
        }
    }

    private static string NameOf(ForwardReason reason) => reason switch
    {
        ForwardReason.Miss => "miss",
        ForwardReason.Stale => "stale",
        _ => "request",
    };
}
