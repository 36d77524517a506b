using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Registers the use cases, which need the ports of the adapters. All are singletons: handlers keep no state and take only singletons,
/// so a request needs no scope.
/// </summary>
public static class UseCaseRegistration
{
    /// <summary>Reads of products, and the removal of a product from the caches. They need no database.</summary>
    public static IServiceCollection AddReadPath(this IServiceCollection services)
    {
        services.AddMediator();
        services.AddSingleton<MissCoalescer>();
        services.AddSingleton<Revalidator>();
        services.AddSingleton<EagerRefresh>();
        services.AddSingleton<HotProducts>();
        services.AddSingleton<IRequestHandler<GetProduct, GetProductResult>, GetProductHandler>();
        services.AddSingleton<IRequestHandler<GetProducts, IReadOnlyList<GetProductResult>>, GetProductsHandler>();
        services.AddOperatorUseCases();
        return services;
    }

    /// <summary>What operators do with the caches.</summary>
    public static IServiceCollection AddOperatorUseCases(this IServiceCollection services)
    {
        services.AddMediator();
        services.AddSingleton<IRequestHandler<PurgeCache, PurgeCacheResult>, PurgeCacheHandler>();
        services.AddSingleton<IRequestHandler<InspectProduct, ProductInspection>, InspectProductHandler>();
        return services;
    }

    /// <summary>Writes and lists of products.</summary>
    public static IServiceCollection AddWritesAndLists(this IServiceCollection services)
    {
        services.AddMediator();
        services.AddSingleton<IRequestHandler<ListProducts, ProductsPage?>, ListProductsHandler>();
        services.AddSingleton<IRequestHandler<CreateProduct, WriteResult>, CreateProductHandler>();
        services.AddSingleton<IRequestHandler<UpdateProduct, WriteResult>, UpdateProductHandler>();
        services.AddSingleton<IRequestHandler<DeleteProduct, WriteResult>, DeleteProductHandler>();
        return services;
    }

    /// <summary>Fills, refreshes, the relay of changes, the direct refresh and the audit.</summary>
    public static IServiceCollection AddWorkerUseCases(this IServiceCollection services, CacheLifetimes lifetimes)
    {
        services.AddMediator();
        services.AddSingleton(lifetimes);
        services.AddSingleton<NegativeCachingPolicy>();
        services.AddSingleton<IRequestHandler<FillCache, FillCacheResult>, FillCacheHandler>();
        services.AddSingleton<IRequestHandler<RefreshCache, RefreshCacheResult>, RefreshCacheHandler>();
        services.AddSingleton<IRequestHandler<RelayChanges, RelayChangesResult>, RelayChangesHandler>();
        services.AddSingleton<IRequestHandler<RefreshDirectly, RefreshDirectlyResult>, RefreshDirectlyHandler>();
        services.AddSingleton<IRequestHandler<AuditStore, AuditStoreResult>, AuditStoreHandler>();
        services.AddSingleton<EntrySweep>();
        services.AddSingleton<AuditEntriesHandler>();
        services.AddSingleton<IRequestHandler<CompareEntries, IReadOnlyDictionary<ProductId, CachedProduct>>>(provider => provider.GetRequiredService<AuditEntriesHandler>());
        services.AddSingleton<IRequestHandler<ConfirmDifferences, ConfirmDifferencesResult>>(provider => provider.GetRequiredService<AuditEntriesHandler>());
        return services;
    }

    // MediatR 5.1 has no registration of its own.
    private static void AddMediator(this IServiceCollection services)
    {
        services.TryAddSingleton<ServiceFactory>(provider => provider.GetRequiredService);
        services.TryAddSingleton<IMediator, Mediator>();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(Random.Shared);
    }
}
