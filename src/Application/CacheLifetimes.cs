namespace ProductCache.Application;

/// <summary>How long entries live.</summary>
public sealed record CacheLifetimes
{
    /// <summary>The lifetime of a product's entry: 1 second to 30 days.</summary>
    public TimeSpan Product { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The lifetime of a negative entry: 1 second to 1 hour. It is short because every request for an unknown id creates one.</summary>
    public TimeSpan Absent { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a product's entry is kept beyond its lifetime (stale-if-error): 0 to 30 days. Meanwhile it is served as stale, and every
    /// read requests a refill. So it is served while PostgreSQL, Kafka or the Workers are unavailable, or once to the first reader.
    /// </summary>
    public TimeSpan Stale { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The jitter of a lifetime in either direction, in percent: 0 to 50. It spreads expiry.</summary>
    public int JitterPercent { get; init; } = 10;

    public TimeSpan Of(TimeSpan lifetime, Random random) =>
        lifetime * (1 + (JitterPercent / 100.0 * ((2 * random.NextDouble()) - 1)));
}
