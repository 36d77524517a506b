using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api;

/// <summary>JWT_AUTHORITY, who signs tokens, and JWT_AUDIENCE, whom they must be meant for.</summary>
internal sealed record TokenOptions(Uri Authority, string Audience)
{
    private const string AuthoritySetting = "JWT_AUTHORITY";
    private const string AudienceSetting = "JWT_AUDIENCE";

    public bool RequireHttps => !Authority.IsLoopback;

    /// <returns>Null: no tokens.</returns>
    public static TokenOptions? Read(Settings settings)
    {
        var (authority, audience) = (settings.Text(AuthoritySetting, string.Empty), settings.Text(AudienceSetting, string.Empty));
        if (authority.Length == 0 && audience.Length == 0)
        {
            return null;
        }

        if (authority.Length == 0 || audience.Length == 0)
        {
            settings.Refuse($"{AuthoritySetting} and {AudienceSetting} go together: {(audience.Length == 0 ? AudienceSetting : AuthoritySetting)} is missing.");
            return null;
        }

        if (!Uri.TryCreate(authority, UriKind.Absolute, out var address)
            || !(address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback)))
        {
            settings.Refuse($"{AuthoritySetting} must be an https address (http only on this machine), not '{authority}'.");
            return null;
        }

        return new TokenOptions(address, audience);
    }
}

/// <summary>Tokens of the authority (JWT, signed with a key that its discovery document leads to).</summary>
internal static class Tokens
{
    /// <summary>How far the clocks of the authority and this machine may differ.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    // Only what is signed with a private key: nothing that this service knows can sign a token.
    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    // Who it is: the client that got the token, or else its subject.
    private static readonly string[] ClientClaims = ["client_id", "azp", "sub"];

    /// <summary>As AddJwtBearer, which however wants all that AddAuthentication brings.</summary>
    public static void AddTokens(this AuthenticationBuilder schemes, TokenOptions options) =>
        schemes.AddScheme<JwtBearerOptions, JwtBearerHandler>(Access.TokenScheme, null, bearer =>
        {
            bearer.MapInboundClaims = false;
            bearer.ConfigurationManager = Authority.Of(options);
            bearer.TokenValidationParameters.ValidAudience = options.Audience;
            bearer.TokenValidationParameters.ValidAlgorithms = Algorithms;
            bearer.TokenValidationParameters.ClockSkew = ClockSkew;
            bearer.Events = new JwtBearerEvents { OnTokenValidated = Accept, OnAuthenticationFailed = Fail };
        });

    private static Task Accept(TokenValidatedContext context)
    {
        var claims = context.Principal!.Claims.ToList();
        var client = ClientClaims.Select(type => claims.Find(claim => claim.Type == type)?.Value).FirstOrDefault(value => !string.IsNullOrEmpty(value));
        if (client is null)
        {
            context.Fail("The token does not say whose it is.");
            return Task.CompletedTask;
        }

        // One claim or several, each with one scope or several.
        var scopes = claims.Where(claim => claim.Type is "scope" or "scp").SelectMany(claim => claim.Value.Split(' ')).Where(Scopes.All.Contains);
        context.Principal = Access.PrincipalOf($"jwt:{client}", scopes);
        return Task.CompletedTask;
    }

    // What is wrong with a token never gets as far as an exception of the request, and neither does a silent authority.
    private static Task Fail(AuthenticationFailedContext context)
    {
        context.Fail(context.Exception);
        return Task.CompletedTask;
    }
}

/// <summary>
/// The keys of the authority, fetched when the first token comes and anew by the library. Without this around it each request
/// would wait for the fetch of every one before it while the authority is silent.
/// </summary>
internal sealed class Authority(IConfigurationManager<OpenIdConnectConfiguration> documents, TimeProvider time)
    : IConfigurationManager<OpenIdConnectConfiguration>
{
    /// <summary>For the readers of a fetch; the fetch itself may take two requests.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private const int MaxDocumentBytes = 1024 * 1024;

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(2);

    // The library's client has no other chance to hear of a new address of the authority.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    private readonly Lock gate = new();

    // Of gate.
    private Task<OpenIdConnectConfiguration>? fetch;

    public static Authority Of(TokenOptions options)
    {
        var client = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = ConnectionLifetime })
        {
            Timeout = RequestTimeout,
            MaxResponseContentBufferSize = MaxDocumentBytes,
        };
        return new Authority(
            new ConfigurationManager<OpenIdConnectConfiguration>(
                $"{options.Authority.AbsoluteUri.TrimEnd('/')}/.well-known/openid-configuration",
                new OpenIdConnectConfigurationRetriever(),
                new HttpDocumentRetriever(client) { RequireHttps = options.RequireHttps }),
            TimeProvider.System);
    }

    /// <exception cref="AuthorityUnavailableException">It did not answer, or not with keys.</exception>
    public async Task<OpenIdConnectConfiguration> GetConfigurationAsync(CancellationToken cancel)
    {
        try
        {
            return await Shared().WaitAsync(Deadline, time, cancel);
        }
        catch (Exception exception) when (!cancel.IsCancellationRequested)
        {
            throw new AuthorityUnavailableException(exception);
        }
    }

    public void RequestRefresh() => documents.RequestRefresh();

    private Task<OpenIdConnectConfiguration> Shared()
    {
        lock (gate)
        {
            if (fetch is null or { IsCompleted: true })
            {
                fetch = documents.GetConfigurationAsync(CancellationToken.None);
            }

            return fetch;
        }
    }
}

internal sealed class AuthorityUnavailableException(Exception cause) : Exception("The authority does not answer.", cause);
