using FluentValidation;
using ProductCache.Api.Description;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Kafka;
using ProductCache.Infrastructure.Postgres;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.Api;

public static class ApiHost
{
    /// <summary>Settings come from the environment and from args as <c>--KEY=value</c>; API_PORT is 8000 unless told otherwise.</summary>
    /// <exception cref="SettingsException">A setting is missing or wrong.</exception>
    public static WebApplication Build(string[] args) => Build(args, _ => { });

    /// <param name="configure">The last word on the services, for a process that is more than this host.</param>
    /// <inheritdoc cref="Build(string[])"/>
    public static WebApplication Build(string[] args, Action<IServiceCollection> configure)
    {
        var settings = ServiceHost.ReadSettings(args);
        var builder = ServiceHost.CreateBuilder(args, settings, "API_PORT", 8000);
        var postgres = PostgresOptions.Read(settings);
        var redis = RedisOptions.Read(settings);
        var nearCache = NearCacheOptions.Read(settings);
        var kafka = KafkaOptions.Read(settings);
        var access = AccessOptions.Read(settings);
        var limits = ClientLimitOptions.Read(settings, postgres.ListPoolSize);
        var protection = ProtectionOptions.Read(settings, limits.TrustedProxies);
        var largeAnswers = LargeAnswerOptions.Read(settings);
        settings.ThrowIfWrong();

        builder.Services.AddReadPath();
        builder.Services.AddWritePath();
        builder.Services.AddValidatorsFromAssemblyContaining<ProductDraftValidator>(ServiceLifetime.Singleton);
        builder.Services.AddPostgresForWriters(postgres);
        builder.Services.AddRedisForReaders(redis, nearCache);
        builder.Services.AddKafkaForReaders(kafka);
        builder.Services.AddAccess(access);
        builder.Services.AddClientLimits(limits);
        builder.Services.AddSingleton(largeAnswers);
        builder.Services.AddSingleton<LargeAnswers>();
        builder.AddProtection(protection);
        builder.Services.AddProblems();
        builder.Services.AddDescription();
        builder.Services.AddSingleton<ReadMetrics>();
        builder.Services.AddSingleton<WriteMetrics>();
        builder.Services.AddSingleton<ExactIds>();
        builder.Services.AddSingleton<Catalogue>();
        builder.Services.AddSingleton<Products>();
        builder.Services.AddSingleton<ProductWrites>();
        builder.Services.AddSingleton<CacheAdministration>();
        builder.Services.AddHostedService<RejectedRequests>();
        builder.WebHost.ConfigureKestrel(AmbiguousRequests.Refuse);

        configure(builder.Services);
        var application = builder.Build();
        application.UseExceptionHandler();
        application.UseTrustedProxies();
        application.UseProtection(protection);
        application.UseStatusCodePages();
        application.Use(AmbiguousRequests.Refuse);
        application.UseClientLimits();
        application.UseAccess();
        application.MapOperations().RequireMetrics();
        application.Services.GetRequiredService<Products>().Map(application);
        application.Services.GetRequiredService<ProductWrites>().Map(application);
        application.Services.GetRequiredService<CacheAdministration>().Map(application);
        application.MapProblems();
        application.MapRoot();
        application.MapOptions();
        application.MapDescription();
        return application;
    }
}
