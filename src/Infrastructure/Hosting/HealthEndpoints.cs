using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>/health/live: the process runs. /health/ready: it can do its work; for operators with the state of each server.</summary>
public static class HealthEndpoints
{
    public const string LivePath = "/health/live";
    public const string ReadyPath = "/health/ready";

    internal const string ReadyTag = "ready";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <param name="maySeeDetailsAsync">Whether a caller may see which servers there are and why one is not available.</param>
    public static void MapHealth(this WebApplication application, Func<HttpContext, Task<bool>> maySeeDetailsAsync)
    {
        application.Map(LivePath, (HttpContext http) => AnswerAsync(http, HealthStatus.Healthy)).WithMetadata(new ManagementRoute(IsPublicToo: true));
        application.Map(ReadyPath, async (HttpContext http, HealthCheckService checks, ServerStates states) =>
        {
            if (!await maySeeDetailsAsync(http))
            {
                await AnswerAsync(http, (await checks.CheckHealthAsync(check => check.Tags.Contains(ReadyTag), http.RequestAborted)).Status);
                return;
            }

            var report = await checks.CheckHealthAsync(IsTold, http.RequestAborted);
            var all = report.Entries.Select(entry => (entry.Key, entry.Value, State: states.Observe(entry.Key, entry.Value))).ToList();
            var status = all.Where(check => check.Value.Tags.Contains(ReadyTag)).Select(check => check.Value.Status).DefaultIfEmpty(HealthStatus.Healthy).Min();
            SetHeaders(http, status);
            await http.Response.WriteAsJsonAsync(
                new HealthDetails(
                    NameOf(status),
                    [.. all.OrderBy(check => check.Key, StringComparer.Ordinal).Select(check => new CheckDetails(
                        check.Key, NameOf(check.State.Status), check.Value.Tags.Contains(ReadyTag), check.State.Reason, check.State.Since))]),
                Json,
                http.RequestAborted);
        }).WithMetadata(new ManagementRoute(IsPublicToo: true));
    }

    internal static void AddServerStates(this IServiceCollection services)
    {
        services.AddHealthChecks();
        services.AddSingleton<ServerStates>();
        services.AddSingleton<IHealthCheckPublisher>(provider => provider.GetRequiredService<ServerStates>());
        services.Configure<HealthCheckPublisherOptions>(publisher =>
        {
            publisher.Period = ServerStates.Interval;
            publisher.Delay = ServerStates.FirstDelay;
            publisher.Predicate = IsTold;
        });
    }

    private static bool IsTold(HealthCheckRegistration check) => check.Tags.Contains(ReadyTag) || check.Tags.Contains(ServerStates.Tag);

    private static Task AnswerAsync(HttpContext http, HealthStatus status)
    {
        SetHeaders(http, status);
        http.Response.ContentType = "text/plain; charset=utf-8";
        return http.Response.WriteAsync(status.ToString(), http.RequestAborted);
    }

    private static void SetHeaders(HttpContext http, HealthStatus status)
    {
        http.Response.StatusCode = status == HealthStatus.Unhealthy ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK;
        http.Response.Headers.CacheControl = "no-store, no-cache";
    }

    private static string NameOf(HealthStatus status) => status.ToString().ToLowerInvariant();

    private sealed record HealthDetails(string Status, IReadOnlyList<CheckDetails> Checks);

    /// <param name="Required">Whether the process is not ready without it.</param>
    private sealed record CheckDetails(string Name, string Status, bool Required, string? Reason, DateTimeOffset Since);
}
