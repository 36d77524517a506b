using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ProductCache.Api.Http;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Auth;

/// <summary>
/// Who may do what. A route says what it requires (RequireRead, RequireWrite, RequireAdminister) where it is mapped; one that
/// says nothing is open. Credentials are API keys and, where an authority is configured, its tokens (JWT).
/// </summary>
internal static class ApiAuthorization
{
    // The policies.
    public const string Read = "read";
    public const string Write = "write";
    public const string Administer = "administer";
    public const string Metrics = "metrics";

    /// <summary>Chooses between the other two by the look of the credential.</summary>
    public const string AnyScheme = "Bearer";

    public const string KeyScheme = "ApiKey";
    public const string TokenScheme = "Token";

    public const string ScopeClaim = "scope";

    /// <summary>Where reads are open nothing is added to the route: no credential is even looked at.</summary>
    public static TBuilder RequireRead<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder
    {
        route.Add(endpoint =>
        {
            if (endpoint.ApplicationServices.GetRequiredService<ApiAuthorizationOptions>().ReadsAreProtected)
            {
                endpoint.Metadata.Add(new AuthorizeAttribute(Read));
            }
        });
        return route;
    }

    public static TBuilder RequireWrite<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.RequireAuthorization(Write);

    public static TBuilder RequireAdminister<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.RequireAuthorization(Administer);

    /// <summary>For requests of this machine, and for administrators.</summary>
    public static TBuilder RequireMetrics<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.RequireAuthorization(Metrics);

    /// <summary>Whose credential it was; null on a route that requires none. A name of a token cannot be that of a key.</summary>
    public static string? ClientOf(HttpContext http) => http.User.Identity is { IsAuthenticated: true } identity ? identity.Name : null;

    public static ClaimsPrincipal PrincipalOf(string client, IEnumerable<string> scopes) => new(new ClaimsIdentity(
        [new Claim(ClaimTypes.Name, client), .. scopes.Select(scope => new Claim(ScopeClaim, scope))], AnyScheme));

    public static void AddApiAuthorization(this IServiceCollection services, ApiAuthorizationOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton(options.Keys);
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, AuthorizationProblems>();

        // Not AddAuthentication, which brings keys for cookies and a folder to keep them in.
        services.AddAuthenticationCore();
        services.AddWebEncoders();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<OutcomeMetrics>();
        var schemes = new AuthenticationBuilder(services);
        schemes.AddScheme<AuthenticationSchemeOptions, ApiKeyHandler>(KeyScheme, null);
        if (options.Tokens is { } tokens)
        {
            schemes.AddJwtAuthentication(tokens);
        }

        schemes.AddPolicyScheme(AnyScheme, null, policy => policy.ForwardDefaultSelector = http =>
            options.Tokens is null || ApiKeyHandler.IsMeant(http.Request) ? KeyScheme : TokenScheme);

        // The first scope is the one that a refusal names.
        services.AddAuthorizationBuilder()
            .AddPolicy(Read, policy => policy.AddAuthenticationSchemes(AnyScheme).RequireClaim(ScopeClaim, Scopes.Read, Scopes.Write, Scopes.Administer))
            .AddPolicy(Write, policy => policy.AddAuthenticationSchemes(AnyScheme).RequireClaim(ScopeClaim, Scopes.Write))
            .AddPolicy(Administer, policy => policy.AddAuthenticationSchemes(AnyScheme).RequireClaim(ScopeClaim, Scopes.Administer))
            .AddPolicy(Metrics, policy => policy.AddAuthenticationSchemes(AnyScheme).AddRequirements(new LocalOrAdministrator()));
    }

    /// <summary>From here on <see cref="ClientOf"/> knows the client.</summary>
    public static void UseApiAuthorization(this WebApplication application)
    {
        // A WebApplication puts both middlewares before all routes, unless these say that they are there: an open read would
        // pay for them. ApiAuthorizationTests.AnOpenReadIsNotAuthenticated tells if that changes.
        IApplicationBuilder pipeline = application;
        pipeline.Properties["__AuthenticationMiddlewareSet"] = true;
        pipeline.Properties["__AuthorizationMiddlewareSet"] = true;
        pipeline.UseWhen(
            http => http.GetEndpoint()?.Metadata.GetMetadata<IAuthorizeData>() is not null, guarded => guarded.UseAuthorization());
    }
}

/// <summary>A request that comes from this machine itself, not through a proxy on it, or one with the scope cache:admin.</summary>
internal sealed class LocalOrAdministrator() : ClaimsAuthorizationRequirement(ApiAuthorization.ScopeClaim, [Scopes.Administer])
{
    private static readonly string[] ForwardingHeaders = ["X-Forwarded-For", "X-Original-For", "Forwarded", "Via", "X-Real-IP"];

    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, ClaimsAuthorizationRequirement requirement)
    {
        if (context.Resource is HttpContext http && IsLocal(http))
        {
            context.Succeed(requirement);
            return Task.CompletedTask;
        }

        return base.HandleRequirementAsync(context, requirement);
    }

    private static bool IsLocal(HttpContext http) =>
        http.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address) && !ForwardingHeaders.Any(http.Request.Headers.ContainsKey);
}

/// <summary>API_READS, API_KEYS, JWT_AUTHORITY, JWT_AUDIENCE.</summary>
internal sealed record ApiAuthorizationOptions(bool ReadsAreProtected, ApiKeys Keys, JwtOptions? Tokens)
{
    public static ApiAuthorizationOptions Read(Settings settings)
    {
        var reads = settings.Text("API_READS", "open");
        if (reads is not ("open" or "protected"))
        {
            settings.Refuse($"API_READS must be open or protected, not '{reads}'.");
        }

        var options = new ApiAuthorizationOptions(reads == "protected", ApiKeys.Read(settings), JwtOptions.Read(settings));
        if (options is { ReadsAreProtected: true, Keys.Count: 0, Tokens: null })
        {
            settings.Refuse("API_READS is protected, and neither API_KEYS nor JWT_AUTHORITY says who may read.");
        }

        return options;
    }
}
