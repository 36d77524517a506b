namespace ProductCache.Bench;

/// <summary>What the benches say of many measurements.</summary>
internal static class Statistics
{
    public static double Median(IReadOnlyCollection<double> values) => values.Order().ElementAt(values.Count / 2);

    public static double Percentile(IReadOnlyCollection<double> values, int percent) => values.Order().ElementAt((values.Count - 1) * percent / 100);

    /// <summary>Round by round, so that the drift of a shared machine cancels out.</summary>
    public static double Ratio(IEnumerable<double> one, IEnumerable<double> other) => Median([.. one.Zip(other, (a, b) => a / b)]);
}
