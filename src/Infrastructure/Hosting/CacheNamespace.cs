using System.Text.RegularExpressions;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>
/// CACHE_NAMESPACE: separates deployments that share a Redis or a Kafka. It stands in front of Redis keys and the channel (<c>shop:product:{1}</c>),
/// and of topics and consumer groups (<c>shop.product-requests</c>). Empty: no prefix.
/// </summary>
public static partial class CacheNamespace
{
    public const string Setting = "CACHE_NAMESPACE";

    /// <summary>In characters. A topic name of Kafka has at most 249.</summary>
    public const int MaxLength = 50;

    public static string Read(Settings settings)
    {
        var name = settings.Text(Setting, string.Empty);
        if (name.Length > 0 && !(name.Length <= MaxLength && Pattern().IsMatch(name)))
        {
            settings.Refuse($"{Setting} must be 1 to {MaxLength} of A-Z, a-z, 0-9, _ and -, not '{name}'.");
            return string.Empty;
        }

        return name;
    }

    [GeneratedRegex("^[A-Za-z0-9_-]+$")]
    private static partial Regex Pattern();
}
