using Microsoft.AspNetCore.HttpOverrides;
using ProductCache.Api.Hardening;

namespace ProductCache.Api.Http;

/// <summary>TRUSTED_PROXIES: the headers by which a proxy names the client of a request.</summary>
internal static class TrustedProxies
{
    /// <summary>From here on the address of a request is the client's, and its scheme and the prefix of its path are those that the client used.</summary>
    public static void UseTrustedProxies(this WebApplication application)
    {
        var options = application.Services.GetRequiredService<ClientLimitOptions>();
        if (options.TrustedProxies.Count == 0)
        {
            return;
        }

        // As many hops as are trusted, one after the other from the right; without proxies the headers are not looked at.
        var forwarded = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
            ForwardLimit = null,
        };
        forwarded.KnownIPNetworks.Clear();
        forwarded.KnownProxies.Clear();
        foreach (var proxy in options.TrustedProxies)
        {
            forwarded.KnownIPNetworks.Add(proxy);
        }

        application.UseForwardedPrefix(options.TrustedProxies);
        application.UseForwardedHeaders(forwarded);
    }
}
