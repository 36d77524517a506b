using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure;

public static class CacheLifetimeSettings
{
    /// <summary>CACHE_TTL_SECONDS, CACHE_NEGATIVE_TTL_SECONDS, CACHE_STALE_SECONDS, CACHE_TTL_JITTER_PERCENT.</summary>
    public static CacheLifetimes ReadCacheLifetimes(this Settings settings)
    {
        var defaults = new CacheLifetimes();
        return new CacheLifetimes
        {
            Product = settings.Seconds("CACHE_TTL_SECONDS", defaults.Product, 1, 30 * 24 * 3600),
            Absent = settings.Seconds("CACHE_NEGATIVE_TTL_SECONDS", defaults.Absent, 1, 3600),
            Stale = settings.Seconds("CACHE_STALE_SECONDS", defaults.Stale, 0, 30 * 24 * 3600),
            JitterPercent = settings.Number("CACHE_TTL_JITTER_PERCENT", defaults.JitterPercent, 0, 50),
        };
    }
}
