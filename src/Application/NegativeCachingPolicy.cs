namespace ProductCache.Application;

/// <summary>
/// Chooses the lifetime of negative entries. A client that reads many unknown ids creates one entry for each: beyond
/// <see cref="MaxLongOnes"/> within one lifetime, entries expire almost at once, so that they cannot evict products. A singleton.
/// </summary>
public sealed class NegativeCachingPolicy(CacheLifetimes lifetimes, TimeProvider time, Random random)
{
    /// <summary>Entries with the full lifetime, for one Worker within one <see cref="CacheLifetimes.Absent"/>. Each takes about 200 bytes in Redis.</summary>
    public const int MaxLongOnes = 50_000;

    /// <summary>Long enough for all readers that wait for the same id.</summary>
    public static readonly TimeSpan ShortLifetime = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private long began = time.GetTimestamp();
    private int longOnes;

    public TimeSpan NextLifetime()
    {
        lock (gate)
        {
            if (time.GetElapsedTime(began) >= lifetimes.Absent)
            {
                (began, longOnes) = (time.GetTimestamp(), 0);
            }

            if (longOnes == MaxLongOnes)
            {
                return ShortLifetime;
            }

            longOnes++;
            return lifetimes.Of(lifetimes.Absent, random);
        }
    }
}
