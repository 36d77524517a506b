using ProductCache.Application;
using ProductCache.Infrastructure;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Kafka;
using ProductCache.Infrastructure.Postgres;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.Worker;

public static class WorkerHost
{
    /// <summary>Of the port, which is for health checks and metrics: all together, and those of one address.</summary>
    private const int MaxConnections = 256;

    /// <inheritdoc cref="MaxConnections"/>
    private const int MaxConnectionsOfAddress = 64;

    /// <summary>Settings come from the environment and from args as <c>--KEY=value</c>; WORKER_PORT is 8001 unless told otherwise.</summary>
    /// <exception cref="SettingsException">A setting is missing or wrong.</exception>
    public static WebApplication Build(string[] args) => Build(args, _ => { });

    /// <param name="configure">The last word on the services, for a process that is more than this host.</param>
    /// <inheritdoc cref="Build(string[])"/>
    public static WebApplication Build(string[] args, Action<IServiceCollection> configure)
    {
        var settings = ServiceHost.ReadSettings(args);
        var builder = ServiceHost.CreateBuilder(args, settings, "WORKER_PORT", 8001);
        var postgres = PostgresOptions.Read(settings);
        var redis = RedisOptions.Read(settings);
        var kafka = KafkaOptions.Read(settings);
        var lifetimes = settings.ReadCacheLifetimes();
        settings.ThrowIfWrong();

        builder.Services.AddWorkerUseCases(lifetimes);
        builder.Services.AddPostgresForWorkers(postgres);
        builder.Services.AddRedisForWorkers(redis);
        builder.Services.AddKafkaForWorkers(kafka);
        builder.LimitConnections(new ConnectionLimitOptions(MaxConnections, MaxConnectionsOfAddress, Exempt: []));

        configure(builder.Services);
        var application = builder.Build();
        application.MapOperations();
        return application;
    }
}
