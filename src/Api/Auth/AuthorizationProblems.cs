using System.Net;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Authorization.Policy;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Auth;

/// <summary>Answers requests without the required scope with 401 or 403 (RFC 6750) and a problem body.</summary>
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

    private static Task KeepPrivate(object state)
    {
        CacheControlPolicy.MakePrivate((IHeaderDictionary)state);
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
            (Problems.AuthorityUnavailable, "The token issuer did not respond, so the token cannot be verified now.", string.Empty),
        { Failure: not null } => (Problems.WrongCredential, "The credential is not valid.", "Bearer error=\"invalid_token\""),
        _ => (Problems.NoCredential, "A credential is required: Authorization: Bearer followed by an API key or a token.", "Bearer"),
    };

    // The line contains no text of the request, so that a client can neither leak data into the log nor forge a line.
    [LoggerMessage(1, LogLevel.Information, "Request rejected ({Outcome}): {Route}, from {Address}. {LeftOut} further rejections of this client since the last line.")]
    private partial void LogRefused(string outcome, string? route, IPAddress? address, long leftOut);
}
