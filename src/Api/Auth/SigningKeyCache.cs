using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace ProductCache.Api.Auth;

/// <summary>
/// The signing keys of the token issuer. They are fetched for the first token and refreshed when they are old. Concurrent requests share one
/// fetch, and each waits at most <see cref="Timeout"/> if the issuer does not respond.
/// </summary>
internal sealed class SigningKeyCache(IConfigurationManager<OpenIdConnectConfiguration> documents, TimeProvider time)
    : IConfigurationManager<OpenIdConnectConfiguration>
{
    /// <summary>The maximum wait of a request for a fetch. The fetch itself may need two HTTP requests.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    private const int MaxDocumentBytes = 1024 * 1024;

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(2);

    // Reconnecting is the only way to notice that the DNS name of the issuer has a new address.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    /// <summary>Older keys are refreshed in the background while requests use them.</summary>
    public static readonly TimeSpan RefreshAge = TimeSpan.FromMinutes(5);

    /// <summary>Older keys are not used, so that a revoked key is accepted at most this long, even if the issuer does not respond.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(15);

    /// <summary>The minimum interval between fetches that are caused by tokens with unknown keys or follow a failed refresh.</summary>
    public static readonly TimeSpan MinInterval = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();

    // Guarded by gate.
    private Task<OpenIdConnectConfiguration>? fetch;
    private long began;
    private OpenIdConnectConfiguration? known;
    private long knownSince;
    private bool isDoubted;

    public static SigningKeyCache Of(JwtOptions options, TimeProvider time)
    {
        var client = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = ConnectionLifetime, AllowAutoRedirect = false })
        {
            Timeout = RequestTimeout,
            MaxResponseContentBufferSize = MaxDocumentBytes,
        };
        return new SigningKeyCache(
            new Documents(
                $"{options.Authority.AbsoluteUri.TrimEnd('/')}/.well-known/openid-configuration",
                new HttpDocumentRetriever(client) { RequireHttps = options.RequireHttps }),
            time);
    }

    /// <exception cref="AuthorityUnavailableException">The issuer did not respond with keys.</exception>
    public async Task<OpenIdConnectConfiguration> GetConfigurationAsync(CancellationToken cancel)
    {
        try
        {
            return Known() ?? await Shared().WaitAsync(Timeout, time, cancel);
        }
        catch (Exception exception) when (!cancel.IsCancellationRequested)
        {
            throw new AuthorityUnavailableException(exception);
        }
    }

    /// <summary>A token is signed with an unknown key: the issuer may have published a new one.</summary>
    public void RequestRefresh()
    {
        lock (gate)
        {
            isDoubted = true;
        }
    }

    // Null if there are no keys that may be used.
    private OpenIdConnectConfiguration? Known()
    {
        lock (gate)
        {
            if (known is null || time.GetElapsedTime(knownSince) >= MaxAge)
            {
                return null;
            }

            if ((isDoubted || time.GetElapsedTime(knownSince) >= RefreshAge) && time.GetElapsedTime(began) >= MinInterval)
            {
                _ = Shared();
            }

            return known;
        }
    }

    private Task<OpenIdConnectConfiguration> Shared()
    {
        lock (gate)
        {
            if (fetch is null or { IsCompleted: true })
            {
                (began, isDoubted) = (time.GetTimestamp(), false);
                fetch = FetchAsync();
            }

            return fetch;
        }
    }

    private async Task<OpenIdConnectConfiguration> FetchAsync()
    {
        // A key that is revoked after this moment may still be in the response.
        var since = time.GetTimestamp();
        var found = await documents.GetConfigurationAsync(CancellationToken.None);
        lock (gate)
        {
            (known, knownSince) = (found, since);
        }

        return found;
    }

    /// <summary>Does not cache; <see cref="SigningKeyCache"/> does.</summary>
    private sealed class Documents(string address, IDocumentRetriever retriever) : IConfigurationManager<OpenIdConnectConfiguration>
    {
        public Task<OpenIdConnectConfiguration> GetConfigurationAsync(CancellationToken cancel) =>
            OpenIdConnectConfigurationRetriever.GetAsync(address, retriever, cancel);

        public void RequestRefresh()
        {
        }
    }
}

internal sealed class AuthorityUnavailableException(Exception cause) : Exception("The token issuer did not respond.", cause);
