using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Api.Auth;

/// <summary>Authenticates API keys: Authorization: Bearer pc_…. Without a token issuer it handles every bearer credential.</summary>
internal sealed class ApiKeyHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder, ApiKeys keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    private const string Bearer = "Bearer ";

    public static bool IsApiKey(HttpRequest request) => TokenOf(request)?.StartsWith(ApiKey.Prefix, StringComparison.Ordinal) ?? false;

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(TokenOf(Request) switch
    {
        null => AuthenticateResult.NoResult(),
        var text => keys.Find(text) is { } key
            ? AuthenticateResult.Success(new AuthenticationTicket(ApiAuthorization.PrincipalOf(key.Client, key.Scopes), Scheme.Name))
            : AuthenticateResult.Fail("Unknown API key."),
    });

    // A scheme other than Bearer (RFC 6750, 3.1) is treated as a missing credential.
    private static string? TokenOf(HttpRequest request) =>
        request.Headers.Authorization.ToString() is var header && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? header[Bearer.Length..].Trim()
            : null;
}
