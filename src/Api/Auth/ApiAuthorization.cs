using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ProductCache.Api.Http;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Api.Auth;

/// <summary>
/// Authorization by scopes. Each route declares its policy (RequireRead, RequireWrite, RequireAdminister, RequireMetrics); a route without
/// a policy is open. Credentials are API keys and, if an issuer is configured, its tokens (JWT).
/// </summary>
internal static class ApiAuthorization
{
    // Policies.
    public const string Read = "read";
    public const string Write = "write";
    public const string Administer = "administer";
    public const string Metrics = "metrics";

    /// <summary>Selects one of the other two schemes by the prefix of the credential.</summary>
    public const string AnyScheme = "Bearer";

    public const string KeyScheme = "ApiKey";
    public const string TokenScheme = "Token";

    public const string ScopeClaim = "scope";

    /// <summary>If reads are open, the route gets no policy, and a credential in the request is ignored.</summary>
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

    /// <summary>Whether the request has the scope cache:admin, or came in by the management port.</summary>
    public static async Task<bool> MayOperateAsync(HttpContext http) =>
        http.RequestServices.GetRequiredService<Listeners>().IsManagement(http)
        || (http.Request.Headers.ContainsKey("Authorization")
            && (await http.AuthenticateAsync(AnyScheme)).Principal?.HasClaim(ScopeClaim, Scopes.Administer) == true);

    /// <summary>Allows requests by the management port, from this machine and from administrators.</summary>
    public static TBuilder RequireMetrics<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.RequireAuthorization(Metrics);

    /// <summary>As <see cref="RequireMetrics"/>, or open to every client.</summary>
    public static TBuilder RequireMetricsUnless<TBuilder>(this TBuilder route, bool isOpen)
        where TBuilder : IEndpointConventionBuilder => isOpen ? route : route.RequireMetrics();

    /// <summary>The name of the authenticated client. Null on an open route. The names of tokens and of keys are disjoint.</summary>
    public static string? ClientOf(HttpContext http) => http.User.Identity is { IsAuthenticated: true } identity ? identity.Name : null;

    public static ClaimsPrincipal PrincipalOf(string client, IEnumerable<string> scopes) => new(new ClaimsIdentity(
        [new Claim(ClaimTypes.Name, client), .. scopes.Select(scope => new Claim(ScopeClaim, scope))], AnyScheme));

    public static void AddApiAuthorization(this IServiceCollection services, ApiAuthorizationOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton(options.Keys);
        services.AddHostedService<ApiKeyReload>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, AuthorizationProblems>();

        // AddAuthentication would add data protection keys for cookies and a folder to store them.
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
            options.Tokens is null || ApiKeyHandler.IsApiKey(http.Request) ? KeyScheme : TokenScheme);

        // The first scope is the one that a 403 response names.
        services.AddAuthorizationBuilder()
            .AddPolicy(Read, policy => policy.AddAuthenticationSchemes(AnyScheme).RequireClaim(ScopeClaim, Scopes.Read, Scopes.Write, Scopes.Administer))
            .AddPolicy(Write, policy => policy.AddAuthenticationSchemes(AnyScheme).RequireClaim(ScopeClaim, Scopes.Write))
            .AddPolicy(Administer, policy => policy.AddAuthenticationSchemes(AnyScheme).RequireClaim(ScopeClaim, Scopes.Administer))
            .AddPolicy(Metrics, policy => policy.AddAuthenticationSchemes(AnyScheme).AddRequirements(new LocalOrAdministrator()));
    }

    /// <summary>Authenticates and authorizes requests to routes with a policy. After it, <see cref="ClientOf"/> returns the client.</summary>
    public static void UseApiAuthorization(this WebApplication application)
    {
        // WebApplication adds both middlewares before all routes unless these properties are set, and an open read would pay for
        // them. ApiAuthorizationTests.AnOpenReadIsNotAuthenticated fails if that changes.
        IApplicationBuilder pipeline = application;
        pipeline.Properties["__AuthenticationMiddlewareSet"] = true;
        pipeline.Properties["__AuthorizationMiddlewareSet"] = true;
        pipeline.UseWhen(
            http => http.GetEndpoint()?.Metadata.GetMetadata<IAuthorizeData>() is not null, guarded => guarded.UseAuthorization());
    }
}

/// <summary>A request by the management port, from this machine but not through a proxy on it, or with the scope cache:admin.</summary>
internal sealed class LocalOrAdministrator() : ClaimsAuthorizationRequirement(ApiAuthorization.ScopeClaim, [Scopes.Administer])
{
    private static readonly string[] ForwardingHeaders = ["X-Forwarded-For", "X-Original-For", "Forwarded", "Via", "X-Real-IP"];

    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, ClaimsAuthorizationRequirement requirement)
    {
        if (context.Resource is HttpContext http && (http.RequestServices.GetRequiredService<Listeners>().IsManagement(http) || IsLocal(http)))
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
            settings.Refuse("API_READS is protected, but neither API_KEYS nor JWT_AUTHORITY is set.");
        }

        return options;
    }
}
