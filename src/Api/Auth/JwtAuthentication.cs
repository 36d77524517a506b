using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Auth;

/// <summary>JWT_AUTHORITY, who signs tokens, and JWT_AUDIENCE, whom they must be meant for.</summary>
internal sealed record JwtOptions(Uri Authority, string Audience)
{
    private const string AuthoritySetting = "JWT_AUTHORITY";
    private const string AudienceSetting = "JWT_AUDIENCE";

    public bool RequireHttps => !Authority.IsLoopback;

    /// <returns>Null: no tokens.</returns>
    public static JwtOptions? Read(Settings settings)
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

        return new JwtOptions(address, audience);
    }
}

/// <summary>Tokens of the authority (JWT, signed with a key that its discovery document leads to).</summary>
internal static class JwtAuthentication
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

    /// <summary>Of the name of a client in a token, in characters. It becomes part of idempotency keys in the database.</summary>
    public const int MaxClientLength = 255;

    // Who it is: the client that got the token, or else its subject. A subject may have the same text as a client.
    private static readonly (string Claim, string Prefix)[] ClientClaims = [("client_id", "client"), ("azp", "client"), ("sub", "sub")];

    // RFC 9068, 2.1, and RFC 7519, 5.1. An ID token or a logout token of the same authority has another type.
    private static readonly string[] Types = ["", "jwt", "at+jwt", "application/at+jwt"];

    /// <summary>As AddJwtBearer, which however wants all that AddAuthentication brings.</summary>
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
        // RFC 7515, 4.1.11: what crit names must be understood, and no extension is.
        if (context.SecurityToken is not JsonWebToken token
            || token.TryGetHeaderValue<object>("crit", out _)
            || !Types.Contains(token.Typ ?? string.Empty, StringComparer.OrdinalIgnoreCase))
        {
            context.Fail("The token is not an access token that this service understands.");
            return Task.CompletedTask;
        }

        var claims = context.Principal!.Claims.ToList();
        var (client, prefix) = ClientClaims
            .Select(name => (claims.Find(claim => claim.Type == name.Claim)?.Value, name.Prefix))
            .FirstOrDefault(name => !string.IsNullOrEmpty(name.Value));
        if (client is null || client.Length > MaxClientLength || client.Any(char.IsControl))
        {
            context.Fail("The token does not name its client in 1 to 255 characters without control characters.");
            return Task.CompletedTask;
        }

        // One claim or several, each with one scope or several.
        var scopes = claims.Where(claim => claim.Type is "scope" or "scp").SelectMany(claim => claim.Value.Split(' ')).Where(Scopes.All.Contains);
        context.Principal = ApiAuthorization.PrincipalOf($"jwt:{prefix}:{client}", scopes);
        return Task.CompletedTask;
    }

    // What is wrong with a token never gets as far as an exception of the request, and neither does a silent authority.
    private static Task Fail(AuthenticationFailedContext context)
    {
        context.Fail(context.Exception);
        return Task.CompletedTask;
    }
}
