using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Infrastructure.Postgres;

public static class PostgresRegistration
{
    private const string Products = "products";
    private const string Lists = "lists";

    private const string Worker = "product-cache-worker";
    private const string Api = "product-cache-api";

    /// <summary>For Workers: the product store, the outbox and its relay, the migration and the audit.</summary>
    public static IServiceCollection AddPostgresForWorkers(this IServiceCollection services, PostgresOptions options)
    {
        services.AddPostgres(options, Worker);
        services.AddSingleton<VersionHighWater>();
        if (options.Mapping.IsBuiltIn)
        {
            services.AddSingleton<VersionRepair>();
            services.AddSingleton<IStoreAudit, StoreAudit>();
        }
        else
        {
            services.AddSingleton<TouchExpansions>();
            services.AddSingleton<IStoreAudit, MappedStoreAudit>();
        }

        services.AddSingleton<IProductStore, ProductStore>();
        services.AddSingleton(provider => new ChangeOutbox(
            provider.GetRequiredService<NpgsqlDataSource>(), schema: provider.GetRequiredService<PostgresSchema>(), idType: options.Mapping.IdType));
        services.AddSingleton<IChangeOutbox>(provider => provider.GetRequiredService<ChangeOutbox>());
        services.AddSingleton<IRecordedChanges>(provider => provider.GetRequiredService<ChangeOutbox>());
        services.AddHostedService<OutboxRelay>();
        services.AddSchemaMigration(options);
        services.AddSingleton<Migrator>();
        services.AddHostedService(provider => provider.GetRequiredService<Migrator>());
        services.AddSingleton<AuditLoop>();
        services.AddHostedService(provider => provider.GetRequiredService<AuditLoop>());
        services.AddHealthChecks().AddCheck<Migrator>("database", tags: ["ready"]).AddCheck<AuditLoop>("audit", tags: ["ready"]);
        return services;
    }

    /// <summary>For the Api: writes and lists. Reads of a product do not need PostgreSQL, so readiness does not depend on it.</summary>
    public static IServiceCollection AddPostgresForWriters(this IServiceCollection services, PostgresOptions options)
    {
        services.AddPostgres(options, Api);
        if (options.Mapping.IsBuiltIn)
        {
            services.AddSingleton<IProductWriter, ProductWriter>();
        }

        services.AddSingleton<IStoreInspection, StoreInspection>();
        services.AddKeyedSingleton(Lists, (_, _) => options.CreateDataSource(Lists, Api, connection =>
        {
            connection.MaxPoolSize = options.ListPoolSize;
            connection.CommandTimeout = (int)PostgresOptions.ListTimeout.TotalSeconds;
        }));
        services.AddSingleton<IProductCatalogue>(provider =>
        {
            var (lists, time) = (provider.GetRequiredKeyedService<NpgsqlDataSource>(Lists), provider.GetRequiredService<TimeProvider>());
            return options.Mapping.IsBuiltIn
                ? new ProductCatalogue(lists, time, provider.GetRequiredService<PostgresSchema>())
                : new MappedCatalogue(lists, options.Mapping, provider.GetRequiredService<ProductStatement>(), time);
        });
        return services;
    }

    /// <summary>What a product is, for every process.</summary>
    public static IServiceCollection AddMapping(this IServiceCollection services, ProductMapping mapping)
    {
        services.TryAddSingleton(mapping);
        services.TryAddSingleton(mapping.Format);
        services.TryAddSingleton(mapping.IdType);
        return services;
    }

    /// <summary>The verbs of mappings.</summary>
    internal static IServiceCollection AddMappingTools(this IServiceCollection services, PostgresOptions options) => services
        .AddSchemaMigration(options)
        .AddSingleton<MappedCatalogue>()
        .AddSingleton<IMappingTools, MappingTools>();

    /// <summary>The migration of the schema alone.</summary>
    internal static IServiceCollection AddSchemaMigration(this IServiceCollection services, PostgresOptions options)
    {
        services.AddDatabase(options, Worker);
        if (options.Mapping.IsBuiltIn)
        {
            services.AddSingleton<ISchemaMigration, SchemaMigration>();
        }
        else
        {
            services.AddSingleton<MappingInstallation>();
            services.AddSingleton<ISchemaMigration>(provider => provider.GetRequiredService<MappingInstallation>());
        }

        return services;
    }

    private static void AddPostgres(this IServiceCollection services, PostgresOptions options, string application)
    {
        services.AddDatabase(options, application);
        services.AddHealthChecks().AddCheck<PostgresHealth>("postgresql", tags: [ServerStates.Tag], timeout: ServerStates.CheckTimeout);
    }

    private static void AddDatabase(this IServiceCollection services, PostgresOptions options, string application)
    {
        services.TryAddSingleton(options);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(PostgresSchema.Of(options.Schema));
        services.TryAddSingleton<PostgresFaults>();
        services.AddMapping(options.Mapping);
        services.TryAddSingleton(provider => new ProductStatement(options.Mapping, provider.GetRequiredService<PostgresSchema>()));
        services.TryAddSingleton(_ => options.CreateDataSource(Products, application));
        services.AddDbContextFactory<ProductsDbContext>((provider, builder) =>
            ProductsDbContext.Configure(builder, provider.GetRequiredService<NpgsqlDataSource>()));
    }
}
