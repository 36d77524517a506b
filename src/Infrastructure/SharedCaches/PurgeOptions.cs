using ProductCache.Domain;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>PURGE, PURGE_REQUESTS_PER_SECOND, PURGE_CONFIRM_SECONDS and PURGE_…: the shared caches from which changes are purged.</summary>
public sealed class PurgeOptions
{
    public const string Setting = "PURGE";

    /// <summary>No shared caches.</summary>
    public static readonly PurgeOptions None = new();

    private static readonly string[] Names = ["varnish", "fastly", "cloudflare", "cloudfront", "webhook"];

    /// <summary>The limit of requests to each shared cache. Null: the one that suits it.</summary>
    public int? RequestsPerSecond { get; private init; }

    /// <summary>
    /// A change is purged twice: at once, and again after this time. An answer with the old product that was on its way to the shared cache
    /// during the first purge, or a near copy of an Api that had missed the change, is gone then.
    /// </summary>
    public TimeSpan ConfirmAfter { get; private init; }

    public bool IsOn => Kinds.Count > 0;

    internal IReadOnlyList<SharedCacheKind> Kinds { get; private init; } = [];

    /// <param name="idType">Of the products.</param>
    public static PurgeOptions Read(Settings settings, ProductIdType idType)
    {
        List<SharedCacheKind> kinds = [];
        foreach (var name in settings.Text(Setting, string.Empty).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!Names.Contains(name))
            {
                settings.Refuse($"{Setting} may have {string.Join(", ", Names)}, not '{name}'.");
            }
            else if (kinds.Exists(kind => kind.Name == name))
            {
                settings.Refuse($"{Setting} has {name} twice.");
            }
            else
            {
                kinds.Add(KindOf(name, settings, idType));
            }
        }

        return new PurgeOptions
        {
            Kinds = kinds,
            RequestsPerSecond = settings.Has("PURGE_REQUESTS_PER_SECOND") ? settings.Number("PURGE_REQUESTS_PER_SECOND", 10, 1, 1_000) : null,
            ConfirmAfter = settings.Seconds("PURGE_CONFIRM_SECONDS", TimeSpan.FromSeconds(5), 2, 60),
        };
    }

    private static SharedCacheKind KindOf(string name, Settings settings, ProductIdType idType) => name switch
    {
        "varnish" => Varnish(name, settings),
        "fastly" => Fastly(name, settings),
        "cloudflare" => Cloudflare(name, settings),
        "cloudfront" => CloudFront(name, settings),
        _ => Webhook(name, settings, idType),
    };

    private static SharedCacheKind<VarnishCache> Varnish(string name, Settings settings)
    {
        List<Uri> servers = [.. settings.Text("PURGE_VARNISH_URLS").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(text => UrlOf(settings, "PURGE_VARNISH_URLS", text)).OfType<Uri>()];
        var hasXkey = settings.OneOf("PURGE_VARNISH_METHOD", "xkey", "ban") == "xkey";
        return new(name, (client, _) => new VarnishCache(client, servers, hasXkey));
    }

    private static SharedCacheKind<FastlyCache> Fastly(string name, Settings settings)
    {
        var (service, token) = (settings.Text("PURGE_FASTLY_SERVICE"), settings.SecretSource("PURGE_FASTLY_TOKEN"));
        var api = UrlOf(settings, "PURGE_FASTLY_URL", settings.Text("PURGE_FASTLY_URL", FastlyCache.DefaultApi));
        return new(name, (client, _) => new FastlyCache(client, api!, service, token));
    }

    private static SharedCacheKind<CloudflareCache> Cloudflare(string name, Settings settings)
    {
        var (zone, token) = (settings.Text("PURGE_CLOUDFLARE_ZONE"), settings.SecretSource("PURGE_CLOUDFLARE_TOKEN"));
        var api = UrlOf(settings, "PURGE_CLOUDFLARE_URL", settings.Text("PURGE_CLOUDFLARE_URL", CloudflareCache.DefaultApi));
        return new(name, (client, _) => new CloudflareCache(client, api!, zone, token));
    }

    private static SharedCacheKind<CloudFrontCache> CloudFront(string name, Settings settings)
    {
        var distribution = settings.Text("PURGE_CLOUDFRONT_DISTRIBUTION");
        var credentials = new AwsCredentials(
            settings.Text("AWS_ACCESS_KEY_ID"), settings.SecretSource("AWS_SECRET_ACCESS_KEY"), settings.SecretSource("AWS_SESSION_TOKEN", string.Empty));
        var api = UrlOf(settings, "PURGE_CLOUDFRONT_URL", settings.Text("PURGE_CLOUDFRONT_URL", CloudFrontCache.DefaultApi));
        return new(name, (client, time) => new CloudFrontCache(client, api!, distribution, credentials, time));
    }

    private static SharedCacheKind<WebhookCache> Webhook(string name, Settings settings, ProductIdType idType)
    {
        var url = UrlOf(settings, "PURGE_WEBHOOK_URL", settings.Text("PURGE_WEBHOOK_URL"));
        var secret = settings.SecretSource("PURGE_WEBHOOK_SECRET");
        if (!WebhookCache.IsSecret(secret.Value))
        {
            settings.Refuse("PURGE_WEBHOOK_SECRET begins with whsec_, but the rest is not base64.");
        }

        var attempts = settings.Number("PURGE_WEBHOOK_ATTEMPTS", 12, 1, 1_000);
        return new(name, (client, time) => new WebhookCache(client, url!, secret, attempts, time, idType));
    }

    private static Uri? UrlOf(Settings settings, string key, string text)
    {
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.UserInfo.Length == 0)
        {
            return url;
        }

        if (text.Length > 0)
        {
            settings.Refuse($"{key} must be an http or https address without a login, not '{text}'.");
        }

        return null;
    }
}
