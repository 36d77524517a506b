using System.Diagnostics.Metrics;

namespace ProductCache.Api.Http;

/// <summary>The meter ProductCache.Api.</summary>
internal sealed class ReadMetrics(IMeterFactory meters)
{
    private readonly Counter<long> reads = meters.Create("ProductCache.Api").CreateCounter<long>(
        "productcache.reads", "{read}", "Reads of a product, by outcome.");

    public void Count(string outcome) => reads.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
}
