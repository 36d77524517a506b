using OpenTelemetry;
using OpenTelemetry.Metrics;
using ProductCache.Application;

namespace ProductCache.Infrastructure.Instances;

/// <summary>The newest values of the metrics of this service, without those of libraries. A reader of OpenTelemetry fills it.</summary>
internal sealed class MetricSnapshot : BaseExporter<Metric>
{
    private static readonly string[] Prefixes = ["productcache.", "kafka_rider."];

    private volatile IReadOnlyList<MetricReport> newest = [];

    public IReadOnlyList<MetricReport> Newest => newest;

    public override ExportResult Export(in Batch<Metric> batch)
    {
        List<MetricReport> reports = [];
        foreach (var metric in batch)
        {
            if (Prefixes.Any(prefix => metric.Name.StartsWith(prefix, StringComparison.Ordinal)))
            {
                foreach (ref readonly var point in metric.GetMetricPoints())
                {
                    reports.Add(ReportOf(metric, in point));
                }
            }
        }

        newest = reports;
        return ExportResult.Success;
    }

    private static MetricReport ReportOf(Metric metric, ref readonly MetricPoint point)
    {
        Dictionary<string, string>? labels = null;
        foreach (var (name, value) in point.Tags)
        {
            (labels ??= [])[name] = value?.ToString() ?? string.Empty;
        }

        if (metric.MetricType == MetricType.Histogram)
        {
            List<MetricBucket> buckets = [];
            foreach (var bucket in point.GetHistogramBuckets())
            {
                buckets.Add(new MetricBucket(double.IsPositiveInfinity(bucket.ExplicitBound) ? null : bucket.ExplicitBound, bucket.BucketCount));
            }

            return new MetricReport(metric.Name, labels, point.GetHistogramSum(), point.GetHistogramCount(), buckets);
        }

        return new MetricReport(metric.Name, labels, metric.MetricType switch
        {
            MetricType.LongSum or MetricType.LongSumNonMonotonic => point.GetSumLong(),
            MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic => point.GetSumDouble(),
            MetricType.LongGauge => point.GetGaugeLastValueLong(),
            MetricType.DoubleGauge => point.GetGaugeLastValueDouble(),
            _ => 0,
        });
    }
}
