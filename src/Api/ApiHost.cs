using ProductCache.Application;
using ProductCache.Infrastructure;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Kafka;
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
        var redis = RedisOptions.Read(settings);
        var nearCache = NearCacheOptions.Read(settings);
        var kafka = KafkaOptions.Read(settings);
        var access = AccessOptions.Read(settings);
        settings.ThrowIfWrong();

        builder.Services.AddUseCase<GetProduct, GetProductResult, GetProductHandler>();
        builder.Services.AddUseCase<GetProducts, IReadOnlyList<GetProductResult>, GetProductsHandler>();
        builder.Services.AddRedisForReaders(redis, nearCache);
        builder.Services.AddKafkaForReaders(kafka);
        builder.Services.AddAccess(access);
        builder.Services.AddProblems();
        builder.Services.AddSingleton<ReadMetrics>();
        builder.Services.AddSingleton<Products>();
        builder.Services.AddHostedService<RejectedRequests>();

        configure(builder.Services);
        var application = builder.Build();
        application.UseExceptionHandler();
        application.UseStatusCodePages();
        application.UseAccess();
        application.MapOperations();
        application.Services.GetRequiredService<Products>().Map(application);
        application.MapProblems();
        return application;
    }
}
