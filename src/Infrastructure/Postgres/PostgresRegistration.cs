using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;
using ProductCache.Application;

namespace ProductCache.Infrastructure.Postgres;

public static class PostgresRegistration
{
    private const string Products = "products";
    private const string Lists = "lists";

    /// <summary>For Workers: the product store, the outbox and its relay, the migration and the audit.</summary>
    public static IServiceCollection AddPostgresForWorkers(this IServiceCollection services, PostgresOptions options)
    {
        services.AddPostgres(options);
        services.AddSingleton<VersionRepair>();
        services.AddSingleton<VersionHighWater>();
        services.AddSingleton<IStoreAudit, StoreAudit>();
        services.AddSingleton<IProductStore, ProductStore>();
        services.AddSingleton<ChangeOutbox>();
        services.AddSingleton<IChangeOutbox>(provider => provider.GetRequiredService<ChangeOutbox>());
        services.AddHostedService<OutboxRelay>();
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
        services.AddPostgres(options);
        services.AddSingleton<IProductWriter, ProductWriter>();
        services.AddKeyedSingleton(Lists, (_, _) => SourceOf(Lists, new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            MaxPoolSize = options.ListPoolSize,
            CommandTimeout = (int)PostgresOptions.ListTimeout.TotalSeconds,
        }));
        services.AddSingleton<IProductCatalogue>(provider => new ProductCatalogue(
            provider.GetRequiredKeyedService<NpgsqlDataSource>(Lists), provider.GetRequiredService<TimeProvider>()));
        return services;
    }

    private static void AddPostgres(this IServiceCollection services, PostgresOptions options)
    {
        services.TryAddSingleton(options);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(_ => SourceOf(Products, new NpgsqlConnectionStringBuilder(options.ConnectionString)));
        services.AddDbContextFactory<ProductsDbContext>((provider, builder) =>
            ProductsDbContext.Configure(builder, provider.GetRequiredService<NpgsqlDataSource>()));
    }

    // The name of the pool in the metrics. The default is the connection string, with host, database and user.
    private static NpgsqlDataSource SourceOf(string name, NpgsqlConnectionStringBuilder connection) =>
        new NpgsqlDataSourceBuilder(connection.ConnectionString) { Name = name }.Build();
}
