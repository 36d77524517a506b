using System.Net;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Authorization.Policy;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Auth;

/// <summary>What a route that requires a scope answers to who has it not: 401 and 403 as RFC 6750 has them, as problems.</summary>
internal sealed partial class AuthorizationProblems(OutcomeMetrics metrics, TimeProvider time, ILogger<AuthorizationProblems> logger) : IAuthorizationMiddlewareResultHandler
{
    private readonly SampledLines lines = new(time);

    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded)
        {
            context.Response.OnStarting(KeepPrivate, context.Response.Headers);
            await next(context);
            return;
        }

        var (problem, detail, challenge) = authorizeResult.Forbidden
            ? MissingScope(policy)
            : WithoutClient(await context.AuthenticateAsync(ApiAuthorization.AnyScheme));
        metrics.Refused.Count(problem.Outcome);
        if (lines.MayWrite(ClientLimits.ClientOf(context), out var leftOut))
        {
            LogRefused(problem.Outcome, context.GetEndpoint()?.DisplayName, context.Connection.RemoteIpAddress, leftOut);
        }

        if (problem == Problems.AuthorityUnavailable)
        {
            await Problems.RetryLater(context, problem, detail).ExecuteAsync(context);
            return;
        }

        context.Response.Headers.WWWAuthenticate = challenge;
        context.Response.Headers.CacheControl = "no-store";
        await Problems.Create(problem, detail).ExecuteAsync(context);
    }

    // RFC 9111, 3.5: public would let a shared cache give the answer to those who have no credential.
    private static Task KeepPrivate(object state)
    {
        var headers = (IHeaderDictionary)state;
        if (headers.CacheControl.ToString() is var control && control.StartsWith(CacheHeaders.Public, StringComparison.Ordinal))
        {
            headers.CacheControl = $"private{control[CacheHeaders.Public.Length..]}";
        }

        return Task.CompletedTask;
    }

    private static (Problem Problem, string Detail, string Challenge) MissingScope(AuthorizationPolicy policy)
    {
        var scope = policy.Requirements.OfType<ClaimsAuthorizationRequirement>().First().AllowedValues!.First();
        return (Problems.MissingScope, $"The credential lacks the scope {scope}.", $"Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
    }

    private static (Problem Problem, string Detail, string Challenge) WithoutClient(AuthenticateResult result) => result switch
    {
        { Failure: AuthorityUnavailableException } =>
            (Problems.AuthorityUnavailable, "The authority that issues tokens does not answer, so the token cannot be checked now.", string.Empty),
        { Failure: not null } => (Problems.WrongCredential, "The credential is not valid.", "Bearer error=\"invalid_token\""),
        _ => (Problems.NoCredential, "This needs a credential: Authorization: Bearer followed by an API key or a token.", "Bearer"),
    };

    // Nothing of it comes from the request: what it said cannot be read in the log, and cannot pass for a line of it.
    [LoggerMessage(1, LogLevel.Information, "Refused ({Outcome}): {Route}, requested by {Address}. {LeftOut} more refusals of this client since the last line.")]
    private partial void LogRefused(string outcome, string? route, IPAddress? address, long leftOut);
}
