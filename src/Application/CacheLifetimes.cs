namespace ProductCache.Application;

/// <summary>How long entries live.</summary>
public sealed record CacheLifetimes
{
    /// <summary>Of a product: 1 second to 30 days.</summary>
    public TimeSpan Product { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Of a negative entry: 1 second to 1 hour. Short, since every unknown id that is asked for leaves one.</summary>
    public TimeSpan Absent { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a product's entry is kept beyond its lifetime: 0 to 30 days. In that time it is served as stale, while every
    /// read asks for it anew; so it is seen only where PostgreSQL, Kafka or the Workers are away, or once by the first reader.
    /// </summary>
    public TimeSpan Stale { get; init; } = TimeSpan.FromHours(1);

    /// <summary>By how much a lifetime may differ from the above in either direction, in percent: 0 to 50. Spreads expiry.</summary>
    public int JitterPercent { get; init; } = 10;

    public TimeSpan Of(TimeSpan lifetime, Random random) =>
        lifetime * (1 + (JitterPercent / 100.0 * ((2 * random.NextDouble()) - 1)));
}
