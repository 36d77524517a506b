using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Npgsql;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>For <c>dotnet ef migrations add</c>, which needs the model but no database.</summary>
internal sealed class DesignTimeDbContext : IDesignTimeDbContextFactory<ProductsDbContext>
{
    public ProductsDbContext CreateDbContext(string[] args)
    {
        var builder = new DbContextOptionsBuilder<ProductsDbContext>();
        ProductsDbContext.Configure(builder, NpgsqlDataSource.Create("Host=design-time"));
        return new ProductsDbContext(builder.Options);
    }
}
