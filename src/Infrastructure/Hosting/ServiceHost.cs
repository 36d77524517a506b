using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>The common parts of the Api and Worker processes: port, logging, health, metrics.</summary>
public static class ServiceHost
{
    /// <summary>In bytes. Above the default of the server, so that an overlong id gets a problem response.</summary>
    private const int MaxRequestLine = 16 * 1024;

    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(20);

    // Excludes the address and the port of the database.
    private static readonly string[] PoolTags = ["db.client.connection.pool.name", "db.client.connection.state"];

    // The first configuration source, so that Logging__LogLevel__… in the environment overrides it.
    private static readonly Dictionary<string, string?> LogLevels = new()
    {
        ["Logging:LogLevel:Default"] = nameof(LogLevel.Information),
        ["Logging:LogLevel:Microsoft"] = nameof(LogLevel.Warning),
        ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = nameof(LogLevel.Information),

        // /health/ready and the migrator report these errors.
        ["Logging:LogLevel:Microsoft.Extensions.Diagnostics.HealthChecks"] = nameof(LogLevel.None),
        ["Logging:LogLevel:Microsoft.EntityFrameworkCore.Database.Command"] = nameof(LogLevel.None),

        // One line with a stack trace per failed produce. The response and the metric report it.
        ["Logging:LogLevel:MassTransit.SendTransport"] = nameof(LogLevel.None),

        // One line with a stack trace per token that cannot be verified. The response and the metric report it.
        ["Logging:LogLevel:Microsoft.AspNetCore.Authentication"] = nameof(LogLevel.None),

        // If enabled, the server starts an Activity and a log scope for every request.
        ["Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics"] = nameof(LogLevel.None),
    };

    public static WebApplicationBuilder CreateBuilder(string[] args, Settings settings, Listeners listeners, string serviceName)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource { InitialData = LogLevels });
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestLineSize = MaxRequestLine;
        });

        // Last, because an endpoint takes only the defaults that exist when it is added, including TLS.
        builder.Services.PostConfigure<KestrelServerOptions>(listeners.Listen);
        builder.Services.AddSingleton(listeners);
        builder.Logging.ClearProviders();
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Logging.AddLines(LogFormat.Read(settings));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTimeout);
        builder.Services.AddServerStates();
        var telemetry = builder.Services.AddOpenTelemetry();
        telemetry.AddExporters(builder.Configuration, serviceName);
        telemetry.WithMetrics(metrics => metrics
            .AddMeter("ProductCache.*", "KafkaRider", "MassTransit", "Npgsql", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel")
            .AddView(instrument => instrument.Meter.Name == "Npgsql" ? new MetricStreamConfiguration { TagKeys = PoolTags } : null)
            .AddRuntimeInstrumentation()
            .AddPrometheusExporter());
        return builder;
    }

    /// <summary>The settings of environment and command line.</summary>
    public static Settings ReadSettings(string[] args) =>
        new(new ConfigurationBuilder().AddEnvironmentVariables().AddCommandLine(args).Build());

    /// <summary>GET /metrics.</summary>
    /// <returns>The route, so that the caller can protect it.</returns>
    public static IEndpointConventionBuilder MapMetrics(this WebApplication application) =>
        application.MapPrometheusScrapingEndpoint("/metrics").WithMetadata(new ManagementRoute(IsPublicToo: false));
}
