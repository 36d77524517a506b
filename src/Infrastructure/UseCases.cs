using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure;

public static class UseCases
{
    /// <summary>
    /// MediatR and every handler of the application. (MediatR 5.1 has no registration of its own.) All are singletons:
    /// handlers keep no state and take only singletons, so a read needs no scope.
    /// </summary>
    public static IServiceCollection AddUseCases(this IServiceCollection services)
    {
        services.TryAddSingleton<ServiceFactory>(provider => provider.GetRequiredService);
        services.TryAddSingleton<IMediator, Mediator>();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(Random.Shared);
        var handlers =
            from type in typeof(GetProduct).Assembly.GetTypes()
            where type is { IsAbstract: false, IsGenericTypeDefinition: false }
            from contract in type.GetInterfaces()
            where contract.IsGenericType && contract.GetGenericTypeDefinition() == typeof(IRequestHandler<,>)
            select (contract, type);
        foreach (var (contract, type) in handlers)
        {
            services.AddSingleton(contract, type);
        }

        return services;
    }

    /// <summary>CACHE_TTL_SECONDS, CACHE_NEGATIVE_TTL_SECONDS, CACHE_TTL_JITTER_PERCENT.</summary>
    public static CacheLifetimes ReadCacheLifetimes(this Settings settings)
    {
        var defaults = new CacheLifetimes();
        return new CacheLifetimes
        {
            Product = settings.Seconds("CACHE_TTL_SECONDS", defaults.Product, 1, 30 * 24 * 3600),
            Absent = settings.Seconds("CACHE_NEGATIVE_TTL_SECONDS", defaults.Absent, 1, 3600),
            JitterPercent = settings.Number("CACHE_TTL_JITTER_PERCENT", defaults.JitterPercent, 0, 50),
        };
    }
}
