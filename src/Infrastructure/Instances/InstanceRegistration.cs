using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using ProductCache.Application;
using ProductCache.Infrastructure.Redis;
using ProductCache.Infrastructure.Traces;

namespace ProductCache.Infrastructure.Instances;

public static class InstanceRegistration
{
    /// <summary>Reports this process and its spans of watched traces to the others. Needs Redis.</summary>
    /// <param name="kind"><see cref="InstanceReport.Api"/> or <see cref="InstanceReport.Worker"/>.</param>
    public static IServiceCollection AddInstanceReports(this IServiceCollection services, string kind)
    {
        services.AddInstances();
        services.AddSingleton(new InstanceIdentity(kind));
        services.AddSingleton<MetricSnapshot>();
        services.AddHostedService<InstanceReporter>();
        services.AddHostedService<WatchedTraces>();
        services.ConfigureOpenTelemetryMeterProvider((provider, metrics) => metrics.AddReader(new PeriodicExportingMetricReader(
            provider.GetRequiredService<MetricSnapshot>(), (int)InstanceReporter.Interval.TotalMilliseconds)));
        return services;
    }

    /// <summary>For Apis: answers questions for near copies, and asks them. Needs the reports.</summary>
    public static IServiceCollection AddNearCopyAnswers(this IServiceCollection services)
    {
        services.AddHostedService<NearCopyAnswers>();
        services.AddSingleton<ICacheInspection, CacheInspection>();
        return services;
    }

    /// <summary>Reads the reports of all processes and watched traces. Needs Redis.</summary>
    public static IServiceCollection AddInstances(this IServiceCollection services)
    {
        services.AddSingleton<ExpiringHashes>();
        services.AddSingleton<InstanceBoard>();
        services.AddSingleton<WatchedTraceStore>();
        services.AddSingleton<IWatchedTraces>(provider => provider.GetRequiredService<WatchedTraceStore>());
        services.AddSingleton<IInstances>(provider => provider.GetRequiredService<InstanceBoard>());
        return services;
    }
}
