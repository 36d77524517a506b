using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using ProductCache.Application;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>
/// Traces of OpenTelemetry, exported by OTLP. The standard variables OTEL_… configure it; without an endpoint there are no spans, and a request
/// costs what it costs without this class.
/// </summary>
internal static class Tracing
{
    private static readonly string[] Endpoints = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

    /// <summary>The source of the spans of messages.</summary>
    private const string Messages = "MassTransit";

    /// <param name="serviceName">The service.name unless OTEL_SERVICE_NAME names another one.</param>
    public static void AddTracing(this IOpenTelemetryBuilder telemetry, IConfiguration configuration, string serviceName)
    {
        if (!IsOn(configuration))
        {
            return;
        }

        telemetry.ConfigureResource(resource => resource.AddService(configuration["OTEL_SERVICE_NAME"] is { Length: > 0 } named ? named : serviceName));
        telemetry.WithTracing(tracing => tracing
            .AddSource(Messages, ProductCacheSpans.SourceName)
            .AddAspNetCoreInstrumentation(http => http.Filter = request => !IsOfOperators(request.Request.Path))
            .AddNpgsql()
            .AddRedisInstrumentation(redis => redis.Filter = command => command.ParentActivity is not null)
            .AddOtlpExporter());
    }

    internal static bool IsOn(IConfiguration configuration) =>
        Endpoints.Any(name => !string.IsNullOrWhiteSpace(configuration[name]))
        && !string.Equals(configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase)
        && !string.Equals(configuration["OTEL_TRACES_EXPORTER"], "none", StringComparison.OrdinalIgnoreCase);

    // Probes and scrapes would be most of all traces.
    private static bool IsOfOperators(PathString path) => path.StartsWithSegments("/health", StringComparison.Ordinal) || path == "/metrics";
}
