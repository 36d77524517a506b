using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using ProductCache.Application;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>
/// Traces, metrics and log lines for a collector of OpenTelemetry, exported by OTLP. The standard variables OTEL_… configure it; without an
/// endpoint there are no spans and no exporters, and a request costs what it costs without this class.
/// </summary>
internal static class Telemetry
{
    /// <summary>The source of the spans of messages.</summary>
    private const string Messages = "MassTransit";

    private const string Traces = "TRACES";
    private const string Metrics = "METRICS";
    private const string Logs = "LOGS";

    /// <param name="serviceName">The service.name unless OTEL_SERVICE_NAME names another one.</param>
    public static void AddExporters(this IOpenTelemetryBuilder telemetry, IConfiguration configuration, string serviceName)
    {
        if (IsOn(configuration, Traces) || IsOn(configuration, Metrics) || IsOn(configuration, Logs))
        {
            telemetry.ConfigureResource(resource => resource.AddService(configuration["OTEL_SERVICE_NAME"] is { Length: > 0 } named ? named : serviceName));
        }

        if (IsOn(configuration, Traces))
        {
            telemetry.WithTracing(tracing => tracing
                .AddSource(Messages, ProductCacheSpans.SourceName)
                .AddAspNetCoreInstrumentation(http => http.Filter = request => !IsOfOperators(request.Request.Path))
                .AddNpgsql()
                .AddRedisInstrumentation(redis => redis.Filter = command => command.ParentActivity is not null)
                .AddOtlpExporter());
        }

        if (IsOn(configuration, Metrics))
        {
            telemetry.WithMetrics(metrics => metrics.AddOtlpExporter());
        }

        if (IsOn(configuration, Logs))
        {
            // The message as a person reads it, beside its values.
            telemetry.WithLogging(logs => logs.AddOtlpExporter(), lines => lines.IncludeFormattedMessage = true);
        }
    }

    /// <param name="signal">One of those that OTEL_EXPORTER_OTLP_…_ENDPOINT and OTEL_…_EXPORTER name.</param>
    internal static bool IsOn(IConfiguration configuration, string signal) =>
        (IsSet(configuration, "OTEL_EXPORTER_OTLP_ENDPOINT") || IsSet(configuration, $"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))
        && !string.Equals(configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase)
        && !string.Equals(configuration[$"OTEL_{signal}_EXPORTER"], "none", StringComparison.OrdinalIgnoreCase);

    private static bool IsSet(IConfiguration configuration, string name) => !string.IsNullOrWhiteSpace(configuration[name]);

    // Probes and scrapes would be most of all traces.
    private static bool IsOfOperators(PathString path) => path.StartsWithSegments("/health", StringComparison.Ordinal) || path == "/metrics";
}
