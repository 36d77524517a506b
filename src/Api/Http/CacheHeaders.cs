using System.Globalization;
using System.Runtime.CompilerServices;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Http;

/// <summary>
/// The response headers Age and Cache-Control (RFC 9111), CDN-Cache-Control (RFC 9213), Cache-Status (RFC 9211), Cache-Tag and Surrogate-Key.
/// </summary>
/// <param name="clock">The clock by which contents end.</param>
internal sealed class CacheHeaders(CacheControlPolicy policy, ICacheClock clock)
{
    public const string CacheStatus = "Cache-Status";

    // A near copy is served to many requests within a second, with the same values.
    private readonly ConditionalWeakTable<CachedProduct, CacheHeaderValues> memo = [];

    /// <returns>The entity tag of the entry, for a response with its body.</returns>
    public string Write(IHeaderDictionary headers, ProductId id, CachedProduct entry, EntrySource source, Forward forward, DateTimeOffset now)
    {
        // After the lifetime the response is stale; a negative ttl says so (RFC 9211, 2.4).
        var age = AgeOf(entry, now);
        var values = source == EntrySource.NearCache ? ValuesOfNearCopy(id, entry, age) : ValuesOf(id, entry, source, forward, age);
        headers.Age = values.Age;
        headers.CacheControl = values.CacheControl;
        if (values.Cdn is not null)
        {
            headers[CacheControlPolicy.CdnCacheControl] = values.Cdn;
        }

        headers[CacheTags.CacheTag] = values.CacheTag;
        headers[CacheTags.SurrogateKey] = values.SurrogateKey;
        headers[CacheStatus] = values.CacheStatus;
        return values.EntityTag;
    }

    /// <summary>For a response with several products: it expires with the one that expires first.</summary>
    /// <param name="status">Of Cache-Status: hit, or why products were requested.</param>
    public void Write(IHeaderDictionary headers, IReadOnlyCollection<(ProductId Id, CachedProduct Entry)> entries, string status, DateTimeOffset now)
    {
        var fresh = entries.Min(one => AgeOf(one.Entry, now) is var age ? LifetimeOf(one.Entry, age) - age : 0);
        var isTagged = CacheTags.Write(headers, entries.SelectMany(one => CacheTags.Of(one.Id, one.Entry)).Distinct());
        (headers.CacheControl, var cdn) = policy.Of(0, Math.Max(fresh, 0), entries.Any(one => one.Entry.End != 0), isTagged);
        if (cdn is not null)
        {
            headers[CacheControlPolicy.CdnCacheControl] = cdn;
        }

        headers[CacheStatus] = string.Create(CultureInfo.InvariantCulture, $"ProductCache; {status}; ttl={fresh}");
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

    /// <summary>
    /// The lifetime, or less if the content ends before: then the age and what is left, rounded down to a whole second that has not begun, since
    /// the same headers serve the readers of a second.
    /// </summary>
    /// <param name="age">In seconds.</param>
    public long LifetimeOf(CachedProduct entry, long age) => entry.End == 0
        ? WholeLifetimeOf(entry)
        : Math.Min(WholeLifetimeOf(entry), age + Math.Max((long)(clock.LeftUntil(entry.End)?.TotalSeconds ?? 0) - 1, 0));

    private static long WholeLifetimeOf(CachedProduct entry) => (long)entry.Lifetime.TotalSeconds;

    private CacheHeaderValues ValuesOfNearCopy(ProductId id, CachedProduct entry, long age)
    {
        if (!memo.TryGetValue(entry, out var values) || values.Seconds != age)
        {
            values = ValuesOf(id, entry, EntrySource.NearCache, default, age);
            memo.AddOrUpdate(entry, values);
        }

        return values;
    }

    private CacheHeaderValues ValuesOf(ProductId id, CachedProduct entry, EntrySource source, Forward forward, long age)
    {
        var lifetime = LifetimeOf(entry, age);
        var (cacheControl, cdn) = policy.Of(age, lifetime, entry.End != 0);
        var keys = string.Join(' ', CacheTags.Of(id, entry));
        return new CacheHeaderValues(age, $"\"{entry.EntityTag}\"", age.ToString(CultureInfo.InvariantCulture), cacheControl, cdn, keys.Replace(' ', ','), keys, source switch
        {
            EntrySource.Fill => $"ProductCache; {StatusOf(forward, stored: true)}; ttl={lifetime - age}",
            EntrySource.NearCache => $"ProductCache; hit; ttl={lifetime - age}; detail=near",
            _ => $"ProductCache; hit; ttl={lifetime - age}; detail=redis",
        });
    }

    private sealed record CacheHeaderValues(
        long Seconds, string EntityTag, string Age, string CacheControl, string? Cdn, string CacheTag, string SurrogateKey, string CacheStatus);
}
