using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>What a reader demands of an entry beyond its being there: the request directives of RFC 9111, 5.2.1, and a version.</summary>
public sealed record Freshness
{
    /// <summary>No demand at all.</summary>
    public static readonly Freshness None = new();

    /// <summary>Tell what is cached, and ask nobody for what is not, nor for anything newer.</summary>
    public bool OnlyIfCached { get; init; }

    /// <summary>At least as new as the store at the time of the request.</summary>
    public bool NoCache { get; init; }

    /// <summary>At most so old, and within its lifetime unless <see cref="MaxStale"/> allows more.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>Still within its lifetime after so long.</summary>
    public TimeSpan? MinFresh { get; init; }

    /// <summary>At most so far beyond its lifetime. Without it, whatever the cache still has will do.</summary>
    public TimeSpan? MaxStale { get; init; }

    /// <summary>A row of this version or a newer one: what a writer was told, so that it reads what it wrote.</summary>
    public ProductVersion? AtLeast { get; init; }

    public bool Accepts(CachedProduct entry, DateTimeOffset now)
    {
        // An absence has no version: whether it is newer than a row, only the store can tell.
        if (NoCache || (AtLeast is { } version && entry.Version < version.Value))
        {
            return false;
        }

        // In whole seconds, as the answer tells its age.
        var age = entry.AgeAt(now);
        var staleness = age - TimeSpan.FromSeconds((long)entry.Lifetime.TotalSeconds);
        if (age > MaxAge || -staleness < MinFresh)
        {
            return false;
        }

        return staleness <= TimeSpan.Zero || (MaxStale is { } allowed ? staleness <= allowed : MaxAge is null);
    }
}
