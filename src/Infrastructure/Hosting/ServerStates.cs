using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>Remembers since when each check has its state, and logs when a server becomes unavailable and available.</summary>
internal sealed partial class ServerStates : IHealthCheckPublisher
{
    /// <summary>The tag of the checks of PostgreSQL, Redis and Kafka. It is not "ready": a process can be ready without a server.</summary>
    public const string Tag = "server";

    /// <summary>The interval in which the servers are checked, so that the log tells what no request has met yet.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>The delay of the first check, in which the connections are opened.</summary>
    public static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(2);

    /// <summary>The limit of one check.</summary>
    public static readonly TimeSpan CheckTimeout = TimeSpan.FromSeconds(4);

    private readonly TimeProvider time;
    private readonly ILogger<ServerStates> logger;
    private readonly ConcurrentDictionary<string, ServerState> states = [];

    public ServerStates(TimeProvider time, IMeterFactory meters, ILogger<ServerStates> logger)
    {
        this.time = time;
        this.logger = logger;
        meters.Create("ProductCache.Hosting").CreateObservableGauge(
            "productcache.server.available",
            () => states.Select(check => new Measurement<int>(check.Value.Reason is null ? 1 : 0, new KeyValuePair<string, object?>("server", check.Key))),
            "{server}",
            "1: the check of this server succeeds; 0: it does not.");
    }

    /// <summary>The states of all checks that have run, by name.</summary>
    public IReadOnlyDictionary<string, ServerState> All => states;

    public Task PublishAsync(HealthReport report, CancellationToken cancellationToken)
    {
        foreach (var (name, entry) in report.Entries)
        {
            Observe(name, entry);
        }

        return Task.CompletedTask;
    }

    /// <summary>The state of a check with the time of its last change.</summary>
    public ServerState Observe(string name, HealthReportEntry entry)
    {
        var reason = entry.Status == HealthStatus.Healthy ? null : entry.Description ?? entry.Exception?.Message ?? "The check failed.";
        var before = states.GetValueOrDefault(name);
        var after = states.AddOrUpdate(
            name,
            _ => new ServerState(entry.Status, reason, time.GetUtcNow()),
            (_, known) => new ServerState(entry.Status, reason, known.Status == entry.Status ? known.Since : time.GetUtcNow()));
        if (entry.Tags.Contains(Tag) && before?.Reason != reason)
        {
            if (reason is null)
            {
                AvailableAgain(logger, name);
            }
            else
            {
                Unavailable(logger, reason);
            }
        }

        return after;
    }

    [LoggerMessage(1, LogLevel.Warning, "{Reason}")]
    private static partial void Unavailable(ILogger logger, string reason);

    [LoggerMessage(2, LogLevel.Information, "{Server} is available again")]
    private static partial void AvailableAgain(ILogger logger, string server);
}

/// <param name="Reason">Why it is not healthy, in one sentence. Null: it is.</param>
internal sealed record ServerState(HealthStatus Status, string? Reason, DateTimeOffset Since);
