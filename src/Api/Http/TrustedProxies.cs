using Microsoft.AspNetCore.HttpOverrides;
using ProductCache.Api.Hardening;

namespace ProductCache.Api.Http;

/// <summary>TRUSTED_PROXIES: the headers by which a proxy names the client of a request.</summary>
internal static class TrustedProxies
{
    /// <summary>After it, the address, the scheme and the path prefix of a request are those of the client instead of the proxy.</summary>
    public static void UseTrustedProxies(this WebApplication application)
    {
        var options = application.Services.GetRequiredService<ClientLimitOptions>();
        if (options.TrustedProxies.Count == 0)
        {
            return;
        }

        // The headers are read from the right, as long as the hop is a trusted proxy.
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
