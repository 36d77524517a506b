using ProductCache.Application;
using ProductCache.Infrastructure;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Instances;
using ProductCache.Infrastructure.Kafka;
using ProductCache.Infrastructure.Postgres;
using ProductCache.Infrastructure.Redis;
using ProductCache.Infrastructure.SharedCaches;

namespace ProductCache.Worker;

public static class WorkerHost
{
    /// <summary>The limits of the port for health checks and metrics: all connections, and those of one address.</summary>
    private const int MaxConnections = 256;

    /// <inheritdoc cref="MaxConnections"/>
    private const int MaxConnectionsOfAddress = 64;

    /// <summary>Settings come from the environment and from args as <c>--KEY=value</c>; WORKER_PORT defaults to 8001.</summary>
    /// <exception cref="SettingsException">A setting is missing or wrong.</exception>
    public static WebApplication Build(string[] args) => Build(args, _ => { });

    /// <param name="configure">Changes the services at the end, for a process that contains more than this host.</param>
    /// <inheritdoc cref="Build(string[])"/>
    public static WebApplication Build(string[] args, Action<IServiceCollection> configure)
    {
        var settings = ServiceHost.ReadSettings(args);
        var builder = ServiceHost.CreateBuilder(args, settings, Listeners.Read(settings, "WORKER_PORT", 8001, isForOperators: true), "product-cache-worker");
        var postgres = PostgresOptions.Read(settings);
        var redis = RedisOptions.Read(settings);
        var kafka = KafkaOptions.Read(settings);
        var lifetimes = settings.ReadCacheLifetimes();
        var compresses = settings.ReadCompression();
        var audit = EntryAuditOptions.Read(settings);
        var purge = PurgeOptions.Read(settings, postgres.Mapping.IdType);
        settings.ThrowIfWrong();

        builder.Services.AddWorkerUseCases(lifetimes);
        builder.Services.AddCompression(postgres.Mapping.Format, compresses);
        builder.Services.AddPostgresForWorkers(postgres);
        builder.Services.AddRedisForWorkers(redis);
        builder.Services.AddKafkaForWorkers(kafka, purge);
        builder.Services.AddPurges(purge);
        builder.Services.AddInstanceReports(InstanceReport.Worker);
        builder.Services.AddEntryAudit(audit);
        builder.LimitConnections(new ConnectionLimitOptions(MaxConnections, MaxConnectionsOfAddress, Exempt: []));

        configure(builder.Services);
        var application = builder.Build();
        application.MapHealth(maySeeDetailsAsync: _ => Task.FromResult(true));
        application.MapMetrics();
        return application;
    }
}
