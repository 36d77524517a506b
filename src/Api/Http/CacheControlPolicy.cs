using System.Globalization;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Http;

/// <summary>
/// API_CACHE_CONTROL: what browsers and shared caches may do with a cached product. Without lifetimes they store it and ask again each time
/// (no-cache), so that they never serve an old one; a 304 answers them.
/// </summary>
/// <param name="MaxAge">The lifetime in browsers, in seconds from the answer; 0: they ask again.</param>
/// <param name="SharedMaxAge">The lifetime in shared caches, in seconds from the answer; 0: they ask again.</param>
/// <param name="StaleIfError">How long a copy may be served beyond its lifetime while the Api does not answer, in seconds.</param>
internal sealed record CacheControlPolicy(long MaxAge = 0, long SharedMaxAge = 0, long StaleIfError = 0)
{
    public const string Setting = "API_CACHE_CONTROL";

    /// <summary>accept: shared caches may keep products although nothing purges them.</summary>
    public const string UnpurgedSetting = "API_CACHE_CONTROL_UNPURGED";

    /// <summary>RFC 9213: like Cache-Control, for content delivery networks only.</summary>
    public const string CdnCacheControl = "CDN-Cache-Control";

    /// <summary>A month.</summary>
    public const long MaxSeconds = 2_592_000;

    private const string SharedDirective = "s-maxage";

    /// <summary>Shared caches may store the response. <see cref="MakePrivate"/> replaces it.</summary>
    private const string Public = "public";

    private readonly string errors = StaleIfError > 0 ? string.Create(CultureInfo.InvariantCulture, $", stale-if-error={StaleIfError}") : string.Empty;

    private bool HasLifetimes => MaxAge > 0 || SharedMaxAge > 0 || StaleIfError > 0;

    /// <param name="isPurged">Changes are purged from shared caches.</param>
    public static CacheControlPolicy Read(Settings settings, bool isPurged)
    {
        Dictionary<string, long> seconds = [];
        var acceptsUnpurged = settings.OneOf(UnpurgedSetting, "refuse", "accept") == "accept";
        foreach (var directive in HeaderList.Split([settings.Text(Setting, string.Empty)]).Where(directive => directive.Trim().Length > 0))
        {
            var (name, value) = HeaderList.ReadPair(directive);
            if (name is not ("max-age" or SharedDirective or "stale-if-error"))
            {
                settings.Refuse(name == "stale-while-revalidate"
                    ? $"{Setting}: stale-while-revalidate is not supported, because a purged copy could be served and stored again."
                    : $"{Setting} may have max-age, s-maxage and stale-if-error, not '{directive.Trim()}'.");
            }
            else if (!long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > MaxSeconds)
            {
                settings.Refuse($"{Setting}: {name} must be a number of seconds from 0 to {MaxSeconds}, not '{value}'.");
            }
            else if (!seconds.TryAdd(name, number))
            {
                settings.Refuse($"{Setting} has {name} twice.");
            }
        }

        var policy = new CacheControlPolicy(seconds.GetValueOrDefault("max-age"), seconds.GetValueOrDefault(SharedDirective), seconds.GetValueOrDefault("stale-if-error"));
        if (policy.SharedMaxAge > 0 && !isPurged && !acceptsUnpurged)
        {
            settings.Refuse(
                $"{Setting}: with s-maxage, shared caches serve old products unless changes are purged from them: set PURGE, or {UnpurgedSetting}=accept.");
        }

        return policy;
    }

    /// <param name="age">Of the copy, in seconds. The Age header says it too, so it is a part of the lifetimes.</param>
    /// <param name="lifetime">Of the copy, in seconds: no lifetime is longer.</param>
    /// <param name="ends">The content has an end, so it must not be served after an error.</param>
    /// <param name="isTagged">The answer has tags by which shared caches purge it.</param>
    /// <returns>Cache-Control, and CDN-Cache-Control or null.</returns>
    public (string CacheControl, string? Cdn) Of(long age, long lifetime, bool ends, bool isTagged = true)
    {
        if (!HasLifetimes)
        {
            return ($"{Public}, no-cache", null);
        }

        var onError = ends ? string.Empty : errors;
        var shared = isTagged ? LifetimeOf(SharedMaxAge, age, lifetime) : 0;
        return (
            string.Create(CultureInfo.InvariantCulture, $"{Public}, max-age={LifetimeOf(MaxAge, age, lifetime)}, {SharedDirective}={shared}{onError}"),
            shared > 0 ? string.Create(CultureInfo.InvariantCulture, $"max-age={shared}{onError}") : null);
    }

    /// <summary>RFC 9111, 3.5: with public, a shared cache would return the response to requests without a credential.</summary>
    public static void MakePrivate(IHeaderDictionary headers)
    {
        if (headers.CacheControl.ToString() is var control && IsPublic(control))
        {
            headers.CacheControl = string.Join(", ", control.Split(", ").Where(directive => !directive.StartsWith(SharedDirective, StringComparison.Ordinal)).Skip(1).Prepend("private"));
            headers.Remove(CdnCacheControl);
        }
    }

    public static bool IsPublic(string cacheControl) => cacheControl.StartsWith(Public, StringComparison.Ordinal);

    private static long LifetimeOf(long configured, long age, long lifetime) => configured == 0 ? 0 : Math.Min(age + configured, lifetime);
}
