using System.Diagnostics.Metrics;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>The buckets of all histograms of durations: from a fill on an idle machine to what an outage leaves behind.</summary>
internal static class Durations
{
    private static readonly double[] Bounds =
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

    public static Histogram<double> CreateDuration(this Meter meter, string name, string description) =>
        meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = Bounds });

    /// <summary>A duration between the clocks of two machines, which may differ: it counts as 0 at least.</summary>
    public static void RecordSince(this Histogram<double> histogram, DateTimeOffset began, DateTimeOffset now, params ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        histogram.Record(Math.Max((now - began).TotalSeconds, 0), tags);
}
