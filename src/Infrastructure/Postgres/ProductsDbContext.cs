using Microsoft.EntityFrameworkCore;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>A row of the table products. Version and times are drawn by the database, whoever writes.</summary>
public sealed class ProductRow
{
    public long Id { get; set; }

    public required string Name { get; set; }

    public decimal Price { get; set; }

    public required string Description { get; set; }

    public long Version { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    public DateTimeOffset UpdatedAt { get; private set; }
}

public sealed class ProductsDbContext(DbContextOptions<ProductsDbContext> options) : DbContext(options)
{
    public DbSet<ProductRow> Products => Set<ProductRow>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        var products = modelBuilder.Entity<ProductRow>();
        products.ToTable("products", table =>
        {
            // The rules of Domain.Product, so that no writer can leave a row that the service could not read.
            table.HasCheckConstraint("products_id_positive", "id > 0");
            table.HasCheckConstraint(
                "products_name_valid",
                $@"char_length(name) BETWEEN 1 AND {Product.MaxNameLength} AND name !~ '[\u0001-\u001f\u007f-\u009f]'");

            // NaN, which numeric knows, is greater than every number.
            table.HasCheckConstraint("products_price_valid", "price BETWEEN 0 AND 9999999999.99");
            table.HasCheckConstraint("products_description_valid", $"char_length(description) <= {Product.MaxDescriptionLength}");
        });
        products.HasKey(product => product.Id);
        products.Property(product => product.Id).UseIdentityByDefaultColumn();
        products.Property(product => product.Price).HasColumnType("numeric(12,2)");
        products.Property(product => product.Description).HasDefaultValue(string.Empty);
        products.Property(product => product.Version).HasDefaultValue(0L).ValueGeneratedOnAddOrUpdate().IsConcurrencyToken();
        products.Property(product => product.CreatedAt).HasDefaultValueSql("now()").ValueGeneratedOnAdd();
        products.Property(product => product.UpdatedAt).HasDefaultValueSql("now()").ValueGeneratedOnAddOrUpdate();
    }
}
