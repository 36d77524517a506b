using System.Globalization;
using System.Runtime.CompilerServices;
using ProductCache.Application;

namespace ProductCache.Api.Http;

/// <summary>The response headers Age and Cache-Control (RFC 9111) and Cache-Status (RFC 9211).</summary>
internal static class CacheHeaders
{
    public const string CacheStatus = "Cache-Status";

    /// <summary>Shared caches may store the response. AuthorizationProblems replaces it by private if the route requires a credential.</summary>
    public const string Public = "public";

    // A near copy is served to many requests within a second, with the same values.
    private static readonly ConditionalWeakTable<CachedProduct, CacheHeaderValues> Memo = [];

    /// <param name="clock">The clock by which contents end.</param>
    /// <returns>The entity tag of the entry, for a response with its body.</returns>
    public static string Write(IHeaderDictionary headers, CachedProduct entry, EntrySource source, Forward forward, DateTimeOffset now, ICacheClock clock)
    {
        // After the lifetime the response is stale; a negative ttl says so (RFC 9211, 2.4).
        var age = AgeOf(entry, now);
        var lifetime = LifetimeOf(entry, age, clock);
        var values = source == EntrySource.NearCache ? ValuesOfNearCopy(entry, age, lifetime) : CacheHeaderValues.Of(entry, source, forward, age, lifetime);
        headers.Age = values.Age;
        headers.CacheControl = values.CacheControl;
        headers[CacheStatus] = values.CacheStatus;
        return values.EntityTag;
    }

    /// <summary>For a response that does not come from a cache entry. No cache may store it.</summary>
    public static void WriteNothing(IHeaderDictionary headers, string status)
    {
        headers.CacheControl = "no-store";
        headers[CacheStatus] = $"ProductCache; {status}";
    }

    /// <summary>fwd=miss, fwd=stale or fwd=request; with collapsed if another request had already requested the product.</summary>
    public static string StatusOf(Forward forward, bool stored)
    {
        var reason = forward.Reason switch
        {
            ForwardReason.Stale => "fwd=stale",
            ForwardReason.Request => "fwd=request",
            _ => "fwd=miss",
        };
        return $"{reason}{(stored ? "; stored" : string.Empty)}{(forward.Collapsed ? "; collapsed" : string.Empty)}";
    }

    public static long AgeOf(CachedProduct entry, DateTimeOffset now) => (long)entry.AgeAt(now).TotalSeconds;

    public static long LifetimeOf(CachedProduct entry) => (long)entry.Lifetime.TotalSeconds;

    /// <summary>
    /// The lifetime, or less if the content ends before: then the age and what is left, rounded down to a whole second that has not begun, since
    /// the same headers serve the readers of a second.
    /// </summary>
    /// <param name="age">In seconds.</param>
    public static long LifetimeOf(CachedProduct entry, long age, ICacheClock clock) => entry.End == 0
        ? LifetimeOf(entry)
        : Math.Min(LifetimeOf(entry), age + Math.Max((long)(clock.LeftUntil(entry.End)?.TotalSeconds ?? 0) - 1, 0));

    private static CacheHeaderValues ValuesOfNearCopy(CachedProduct entry, long age, long lifetime)
    {
        if (!Memo.TryGetValue(entry, out var values) || values.Seconds != age)
        {
            values = CacheHeaderValues.Of(entry, EntrySource.NearCache, default, age, lifetime);
            Memo.AddOrUpdate(entry, values);
        }

        return values;
    }

    private sealed record CacheHeaderValues(long Seconds, string EntityTag, string Age, string CacheControl, string CacheStatus)
    {
        public static CacheHeaderValues Of(CachedProduct entry, EntrySource source, Forward forward, long age, long lifetime)
        {
            return new CacheHeaderValues(age, $"\"{entry.EntityTag}\"", age.ToString(CultureInfo.InvariantCulture), $"{Public}, max-age={lifetime}", source switch
            {
                EntrySource.Fill => $"ProductCache; {StatusOf(forward, stored: true)}; ttl={lifetime - age}",
                EntrySource.NearCache => $"ProductCache; hit; ttl={lifetime - age}; detail=near",
                _ => $"ProductCache; hit; ttl={lifetime - age}; detail=redis",
            });
        }
    }
}
