using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace ProductCache.Api.Auth;

/// <summary>
/// The keys of the authority, fetched when the first token comes and anew when they are old. One fetch serves all requests that come
/// meanwhile, and none of them waits longer than the deadline while the authority is silent.
/// </summary>
internal sealed class SigningKeyCache(IConfigurationManager<OpenIdConnectConfiguration> documents, TimeProvider time)
    : IConfigurationManager<OpenIdConnectConfiguration>
{
    /// <summary>For the readers of a fetch; the fetch itself may take two requests.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private const int MaxDocumentBytes = 1024 * 1024;

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(2);

    // The library's client has no other chance to hear of a new address of the authority.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    /// <summary>Keys that are older are fetched anew, beside the requests that use them.</summary>
    public static readonly TimeSpan RefreshAge = TimeSpan.FromMinutes(5);

    /// <summary>Keys that are older are not used: a key that the authority has withdrawn is good for so long at most, also while the authority is silent.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(15);

    /// <summary>From one fetch to the next that a token with an unknown key causes, or a fetch that failed beside usable keys.</summary>
    public static readonly TimeSpan MinInterval = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();

    // Of gate.
    private Task<OpenIdConnectConfiguration>? fetch;
    private long began;
    private OpenIdConnectConfiguration? known;
    private long knownSince;
    private bool isDoubted;

    public static SigningKeyCache Of(JwtOptions options, TimeProvider time)
    {
        var client = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = ConnectionLifetime })
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

    /// <exception cref="AuthorityUnavailableException">It did not answer, or not with keys.</exception>
    public async Task<OpenIdConnectConfiguration> GetConfigurationAsync(CancellationToken cancel)
    {
        try
        {
            return Known() ?? await Shared().WaitAsync(Deadline, time, cancel);
        }
        catch (Exception exception) when (!cancel.IsCancellationRequested)
        {
            throw new AuthorityUnavailableException(exception);
        }
    }

    /// <summary>A token is signed with a key that is not known: the authority may have a new one.</summary>
    public void RequestRefresh()
    {
        lock (gate)
        {
            isDoubted = true;
        }
    }

    // Null: there are none that may be used.
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
        // What was withdrawn after this moment may still be in the answer.
        var since = time.GetTimestamp();
        var found = await documents.GetConfigurationAsync(CancellationToken.None);
        lock (gate)
        {
            (known, knownSince) = (found, since);
        }

        return found;
    }

    /// <summary>Without a memory of its own: that is the one of <see cref="SigningKeyCache"/>.</summary>
    private sealed class Documents(string address, IDocumentRetriever retriever) : IConfigurationManager<OpenIdConnectConfiguration>
    {
        public Task<OpenIdConnectConfiguration> GetConfigurationAsync(CancellationToken cancel) =>
            OpenIdConnectConfigurationRetriever.GetAsync(address, retriever, cancel);

        public void RequestRefresh()
        {
        }
    }
}

internal sealed class AuthorityUnavailableException(Exception cause) : Exception("The authority does not answer.", cause);
