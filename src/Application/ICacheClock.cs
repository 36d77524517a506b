namespace ProductCache.Application;

/// <summary>The clock of the cache, as this process knows it. The content of some products ends at a time of this clock.</summary>
public interface ICacheClock
{
    /// <summary>The time until then: never too much, and too little by at most a round trip. Not positive: it has passed. Null: the clock is not known yet.</summary>
    /// <param name="end">In milliseconds since 1970.</param>
    TimeSpan? LeftUntil(long end);
}
