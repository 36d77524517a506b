using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;
using ProductCache.Application;

namespace ProductCache.Infrastructure.Postgres;

public static class PostgresRegistration
{
    /// <summary>The product store, the outbox and its relay, and the schema's migration at start.</summary>
    public static IServiceCollection AddPostgres(this IServiceCollection services, PostgresOptions options)
    {
        services.TryAddSingleton(_ => new NpgsqlDataSourceBuilder(options.ConnectionString).Build());
        services.AddDbContext<ProductsDbContext>((provider, builder) => builder
            .UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>())
            .UseSnakeCaseNamingConvention());
        services.AddSingleton<IProductStore, ProductStore>();
        services.AddSingleton<ChangeOutbox>();
        services.AddSingleton<IChangeOutbox>(provider => provider.GetRequiredService<ChangeOutbox>());
        services.AddHostedService<Relay>();
        services.AddSingleton<Migrator>();
        services.AddHostedService(provider => provider.GetRequiredService<Migrator>());
        services.AddHealthChecks().AddCheck<Migrator>("database", tags: ["ready"]);
        return services;
    }
}
