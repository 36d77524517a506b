using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>A reader's requirements for the freshness of an entry: the request directives of RFC 9111, section 5.2.1, and a version.</summary>
public sealed record Freshness
{
    /// <summary>No requirement.</summary>
    public static readonly Freshness None = new();

    /// <summary>Answer from the cache only; request no fill.</summary>
    public bool OnlyIfCached { get; init; }

    /// <summary>The entry must be at least as new as the store was when the request arrived.</summary>
    public bool NoCache { get; init; }

    /// <summary>The maximum age. The entry must also be within its lifetime, unless <see cref="MaxStale"/> allows more.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>The entry must remain within its lifetime for at least this time.</summary>
    public TimeSpan? MinFresh { get; init; }

    /// <summary>How far the entry may be beyond its lifetime. Null: any distance.</summary>
    public TimeSpan? MaxStale { get; init; }

    /// <summary>The minimum version of the row. A writer names the version that it wrote, and so reads its own write.</summary>
    public ProductVersion? AtLeast { get; init; }

    public bool Accepts(CachedProduct entry, DateTimeOffset now)
    {
        // A negative entry has no version: only the store knows whether it is newer than a row.
        if (NoCache || (AtLeast is { } version && entry.Version < version.Value))
        {
            return false;
        }

        // In whole seconds, as in the Age header.
        var age = entry.AgeAt(now);
        var staleness = age - TimeSpan.FromSeconds((long)entry.Lifetime.TotalSeconds);
        if (age > MaxAge || -staleness < MinFresh)
        {
            return false;
        }

        return staleness <= TimeSpan.Zero || (MaxStale is { } allowed ? staleness <= allowed : MaxAge is null);
    }
}
