using FluentValidation;
using ProductCache.Api.Auth;
using ProductCache.Api.Cache;
using ProductCache.Api.Console;
using ProductCache.Api.Events;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Api.OpenApi;
using ProductCache.Api.Products;
using ProductCache.Application;
using ProductCache.Infrastructure;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Instances;
using ProductCache.Infrastructure.Kafka;
using ProductCache.Infrastructure.Mappings;
using ProductCache.Infrastructure.Postgres;
using ProductCache.Infrastructure.Redis;
using ProductCache.Infrastructure.SharedCaches;

namespace ProductCache.Api;

public static class ApiHost
{
    /// <summary>Settings come from the environment and from args as <c>--KEY=value</c>; API_PORT is 8000 by default.</summary>
    /// <exception cref="SettingsException">A setting is missing or invalid.</exception>
    public static WebApplication Build(string[] args) => Build(args, _ => { });

    /// <param name="configure">Overrides services, for a process that hosts more than the Api.</param>
    /// <inheritdoc cref="Build(string[])"/>
    public static WebApplication Build(string[] args, Action<IServiceCollection> configure)
    {
        var settings = ServiceHost.ReadSettings(args);
        var listeners = Listeners.Read(settings, "API_PORT", 8000, isForOperators: false);
        var builder = ServiceHost.CreateBuilder(args, settings, listeners, "product-cache-api");
        var mapping = settings.ReadMapping();
        var postgres = PostgresOptions.ReadIfConfigured(settings);
        var redis = RedisOptions.Read(settings);
        var nearCache = NearCacheOptions.Read(settings);
        var kafka = KafkaOptions.Read(settings);
        var access = ApiAuthorizationOptions.Read(settings);
        var limits = ClientLimitOptions.Read(settings, postgres?.ListPoolSize ?? PostgresOptions.DefaultListPoolSize);
        var connections = KestrelLimits.ReadConnections(settings, limits.TrustedProxies);
        var certificate = ServerCertificate.Read(settings);
        var origins = Cors.ReadOrigins(settings);
        var console = ConsoleOptions.Read(settings);
        var shadow = ShadowReadOptions.Read(settings);
        if (shadow.Percent > 0 && postgres is null)
        {
            settings.Refuse($"{ShadowReadOptions.Setting} needs a database: DB_HOST.");
        }

        var largeAnswers = LargeAnswerOptions.Read(settings);
        var purge = PurgeOptions.Read(settings, mapping.IdType);
        var defaultWait = DefaultWait.Read(settings);
        var eventStreams = EventStreamOptions.Read(settings);
        var cacheControl = CacheControlPolicy.Read(settings, purge.IsOn);
        settings.ThrowIfWrong();

        builder.Services.AddMapping(mapping);
        builder.Services.AddSingleton<ProductIds>();
        builder.Services.AddReadPath();
        builder.Services.AddValidatorsFromAssemblyContaining<ProductDraftValidator>(ServiceLifetime.Singleton);
        if (postgres is not null)
        {
            builder.Services.AddWritesAndLists();
            builder.Services.AddPostgresForWriters(postgres);
            builder.Services.AddSingleton<ProductListEndpoint>();
            if (shadow.Percent > 0)
            {
                builder.Services.AddShadowReads(shadow);
            }
        }

        builder.Services.AddRedisForReaders(redis, nearCache);
        builder.Services.AddKafkaForReaders(kafka);
        builder.Services.AddSharedCaches(purge);
        builder.Services.AddInstanceReports(InstanceReport.Api);
        builder.Services.AddNearCopyAnswers();
        builder.Services.AddApiAuthorization(access);
        builder.Services.AddRateLimits(limits);
        builder.Services.AddSingleton(largeAnswers);
        builder.Services.AddSingleton<LargeAnswers>();
        builder.AddKestrelLimits(connections, certificate, listeners.ManagementPort);
        builder.Services.AddSecurityHeaders();
        builder.Services.AddCorsOrigins(origins);
        builder.Services.AddProblems();
        builder.Services.AddDescription();
        builder.Services.AddSingleton<OutcomeMetrics>();
        builder.Services.AddSingleton<ReadMetrics>();
        builder.Services.AddSingleton<ExactIds>();
        builder.Services.AddSingleton(defaultWait);
        builder.Services.AddSingleton(cacheControl);
        builder.Services.AddSingleton<CacheHeaders>();
        builder.Services.AddSingleton<ProductReadEndpoints>();
        builder.Services.AddSingleton(eventStreams);
        builder.Services.AddSingleton<EventReader>();
        builder.Services.AddSingleton<EventStreamEndpoint>();
        builder.Services.AddSingleton<ProductWriteEndpoints>();
        builder.Services.AddSingleton<CacheAdministration>();
        builder.Services.AddSingleton(console);
        builder.Services.AddSingleton<SharedInstances>();
        builder.Services.AddSingleton<ConsoleEndpoints>();
        builder.WebHost.ConfigureKestrel(RequestSmugglingGuard.Refuse);

        configure(builder.Services);
        var application = builder.Build();
        application.UseExceptionHandler();
        application.UseTrustedProxies();
        application.UseSecurityHeaders();
        application.UseCorsOrigins(origins);
        application.UseBodyLimit();
        application.UseStatusCodePages();
        application.Use(RequestSmugglingGuard.Refuse);
        application.UseRequestLimit();
        application.UseWatchedRequests();
        application.UseManagementPort(listeners);
        application.UseApiAuthorization();
        application.UseRateLimiter();
        application.MapRoutes();
        return application;
    }
}
