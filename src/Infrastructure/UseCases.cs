using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure;

public static class UseCases
{
    /// <summary>
    /// A use case of the application, by its handler, and MediatR. (MediatR 5.1 has no registration of its own.) All are
    /// singletons: handlers keep no state and take only singletons, so a read needs no scope.
    /// </summary>
    public static IServiceCollection AddUseCase<TRequest, TResult, THandler>(this IServiceCollection services)
        where TRequest : IRequest<TResult>
        where THandler : class, IRequestHandler<TRequest, TResult>
    {
        services.TryAddSingleton<ServiceFactory>(provider => provider.GetRequiredService);
        services.TryAddSingleton<IMediator, Mediator>();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(Random.Shared);
        services.AddSingleton<IRequestHandler<TRequest, TResult>, THandler>();
        return services;
    }

    /// <summary>CACHE_TTL_SECONDS, CACHE_NEGATIVE_TTL_SECONDS, CACHE_STALE_SECONDS, CACHE_TTL_JITTER_PERCENT.</summary>
    public static CacheLifetimes ReadCacheLifetimes(this Settings settings)
    {
        var defaults = new CacheLifetimes();
        return new CacheLifetimes
        {
            Product = settings.Seconds("CACHE_TTL_SECONDS", defaults.Product, 1, 30 * 24 * 3600),
            Absent = settings.Seconds("CACHE_NEGATIVE_TTL_SECONDS", defaults.Absent, 1, 3600),
            Stale = settings.Seconds("CACHE_STALE_SECONDS", defaults.Stale, 0, 30 * 24 * 3600),
            JitterPercent = settings.Number("CACHE_TTL_JITTER_PERCENT", defaults.JitterPercent, 0, 50),
        };
    }
}
