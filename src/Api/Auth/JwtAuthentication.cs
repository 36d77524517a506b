using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Api.Auth;

/// <summary>JWT_AUTHORITY, the issuer of tokens, and JWT_AUDIENCE, their required audience.</summary>
internal sealed record JwtOptions(Uri Authority, string Audience)
{
    private const string AuthoritySetting = "JWT_AUTHORITY";
    private const string AudienceSetting = "JWT_AUDIENCE";

    public bool RequireHttps => !Authority.IsLoopback;

    /// <returns>Null if tokens are not configured.</returns>
    public static JwtOptions? Read(Settings settings)
    {
        var (authority, audience) = (settings.Text(AuthoritySetting, string.Empty), settings.Text(AudienceSetting, string.Empty));
        if (authority.Length == 0 && audience.Length == 0)
        {
            return null;
        }

        if (authority.Length == 0 || audience.Length == 0)
        {
            settings.Refuse($"{AuthoritySetting} and {AudienceSetting} must be set together: {(audience.Length == 0 ? AudienceSetting : AuthoritySetting)} is missing.");
            return null;
        }

        if (!Uri.TryCreate(authority, UriKind.Absolute, out var address)
            || !(address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback)))
        {
            settings.Refuse($"{AuthoritySetting} must be an https URL (http only on this machine), not '{authority}'.");
            return null;
        }

        return new JwtOptions(address, audience);
    }
}

/// <summary>Authenticates JWT of the configured issuer, whose signing keys come from its discovery document.</summary>
internal static class JwtAuthentication
{
    /// <summary>The maximum difference between the clocks of the issuer and of this machine.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    // Only asymmetric algorithms: the service knows no secret that could sign a token.
    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    /// <summary>The maximum length of a client name in a token, in characters. The name is stored with idempotency keys.</summary>
    public const int MaxClientLength = 255;

    // The client that the token was issued to, otherwise its subject. The prefix separates clients and subjects of the same name.
    private static readonly (string Claim, string Prefix)[] ClientClaims = [("client_id", "client"), ("azp", "client"), ("sub", "sub")];

    // RFC 9068, 2.1, and RFC 7519, 5.1. An ID token or a logout token of the same authority has another type.
    private static readonly string[] Types = ["", "jwt", "at+jwt", "application/at+jwt"];

    /// <summary>Like AddJwtBearer, but without the services that AddAuthentication adds.</summary>
    public static void AddJwtAuthentication(this AuthenticationBuilder schemes, JwtOptions options)
    {
        schemes.AddScheme<JwtBearerOptions, JwtBearerHandler>(ApiAuthorization.TokenScheme, null, null);
        schemes.Services.AddOptions<JwtBearerOptions>(ApiAuthorization.TokenScheme).Configure<TimeProvider>((bearer, time) =>
        {
            bearer.MapInboundClaims = false;
            bearer.ConfigurationManager = SigningKeyCache.Of(options, time);
            bearer.TokenValidationParameters.ValidAudience = options.Audience;
            bearer.TokenValidationParameters.ValidAlgorithms = Algorithms;
            bearer.TokenValidationParameters.ClockSkew = ClockSkew;
            bearer.Events = new JwtBearerEvents { OnTokenValidated = Accept, OnAuthenticationFailed = Fail };
        });
    }

    private static Task Accept(TokenValidatedContext context)
    {
        // RFC 7515, 4.1.11: the service must support every extension in crit, and it supports none.
        if (context.SecurityToken is not JsonWebToken token
            || token.TryGetHeaderValue<object>("crit", out _)
            || !Types.Contains(token.Typ ?? string.Empty, StringComparer.OrdinalIgnoreCase))
        {
            context.Fail("The token is not a supported access token.");
            return Task.CompletedTask;
        }

        var claims = context.Principal!.Claims.ToList();
        var (client, prefix) = ClientClaims
            .Select(name => (claims.Find(claim => claim.Type == name.Claim)?.Value, name.Prefix))
            .FirstOrDefault(name => !string.IsNullOrEmpty(name.Value));
        if (client is null || client.Length > MaxClientLength || client.Any(char.IsControl))
        {
            context.Fail("The client name of the token must have 1 to 255 characters and no control characters.");
            return Task.CompletedTask;
        }

        // There may be several claims, each with one or more scopes.
        var scopes = claims.Where(claim => claim.Type is "scope" or "scp").SelectMany(claim => claim.Value.Split(' ')).Where(Scopes.All.Contains);
        context.Principal = ApiAuthorization.PrincipalOf($"jwt:{prefix}:{client}", scopes);
        return Task.CompletedTask;
    }

    // An invalid token and an issuer that does not respond become an authentication failure instead of an exception of the request.
    private static Task Fail(AuthenticationFailedContext context)
    {
        context.Fail(context.Exception);
        return Task.CompletedTask;
    }
}
