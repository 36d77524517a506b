namespace ProductCache.Application;

/// <summary>
/// How long the next negative entry lives. Whoever asks for one unknown id after the other makes one of each: beyond
/// <see cref="MaxLongOnes"/> within one lifetime they end almost at once, so that they cannot push products out. A singleton.
/// </summary>
public sealed class NegativeCachingPolicy(CacheLifetimes lifetimes, TimeProvider time, Random random)
{
    /// <summary>Of one Worker, within one <see cref="CacheLifetimes.Absent"/>. Each takes about 200 bytes in Redis.</summary>
    public const int MaxLongOnes = 50_000;

    /// <summary>Long enough for all who wait for the same id.</summary>
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
