using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using ProductCache.Api.Http;

namespace ProductCache.Api.Hardening;

/// <summary>
/// The limits that the rate limiter of ASP.NET Core enforces: API_REQUESTS_PER_SECOND on all requests, and the policy <see cref="Writes"/>.
/// <see cref="ClientLimits"/> has those that depend on the handler.
/// </summary>
internal static class RateLimits
{
    /// <summary>The policy for writes of a client: API_WRITES_PER_SECOND and <see cref="ClientLimits.MaxAtOnce"/> concurrent requests.</summary>
    public const string Writes = "writes";

    public static void AddRateLimits(this IServiceCollection services, ClientLimitOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<ClientLimits>();
        services.AddRateLimiter(limiter =>
        {
            limiter.AddPolicy(Writes, http => WritesOf(http, options));
            limiter.OnRejected = RejectAsync;
        });
    }

    /// <summary>
    /// Limits all requests, then routes them. It precedes authorization, so that requests with invalid credentials count, and routing, so
    /// that it does not apply the policies of routes.
    /// </summary>
    public static void UseRequestLimit(this WebApplication application)
    {
        if (application.Services.GetRequiredService<ClientLimitOptions>().Requests > 0)
        {
            application.UseRateLimiter(new RateLimiterOptions
            {
                GlobalLimiter = application.Services.GetRequiredService<ClientLimits>().Requests,
                OnRejected = RejectAsync,
            });
        }

        application.UseRouting();
    }

    internal static RateLimitPartition<string> WritesOf(HttpContext http, ClientLimitOptions options) => RateLimitPartition.Get(
        ClientLimits.ClientOf(http),
        RateLimiter (_) =>
        {
            var concurrency = new ConcurrencyLimiter(ClientLimits.Concurrency(ClientLimits.MaxAtOnce));
            return options.Writes == 0 ? concurrency : new RateAndConcurrencyLimiter(new TokenBucketRateLimiter(ClientLimits.Rate(options.Writes)), concurrency);
        });

    private static async ValueTask RejectAsync(OnRejectedContext context, CancellationToken cancellationToken)
    {
        var http = context.HttpContext;
        http.GetEndpoint()?.Metadata.GetMetadata<OutcomeCounter>()?.Count(Problems.TooManyRequests.Outcome);
        await Problems.RateLimitExceeded(http).ExecuteAsync(http);
    }
}

/// <summary>
/// Combines a rate and a concurrency limit, because a route has only one policy. RateLimiter.CreateChained neither replenishes nor disposes
/// its parts, so it would leak a timer for each client.
/// </summary>
internal sealed class RateAndConcurrencyLimiter(TokenBucketRateLimiter rate, ConcurrencyLimiter concurrency) : ReplenishingRateLimiter
{
    // In this order a request that exceeds the concurrency takes no token.
    private readonly RateLimiter both = CreateChained(concurrency, rate);

    public override TimeSpan? IdleDuration => both.IdleDuration;

    public override TimeSpan ReplenishmentPeriod => rate.ReplenishmentPeriod;

    public override bool IsAutoReplenishing => rate.IsAutoReplenishing;

    public override bool TryReplenish() => rate.TryReplenish();

    public override RateLimiterStatistics? GetStatistics() => both.GetStatistics();

    protected override RateLimitLease AttemptAcquireCore(int permitCount) => both.AttemptAcquire(permitCount);

    protected override ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken) =>
        both.AcquireAsync(permitCount, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            both.Dispose();
            rate.Dispose();
            concurrency.Dispose();
        }
    }
}
