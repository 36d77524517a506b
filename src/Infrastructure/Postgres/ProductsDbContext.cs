using Microsoft.EntityFrameworkCore;
using Npgsql;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>A row of the table products. The database draws the version and the times, for every writer.</summary>
public sealed class ProductRow
{
    public long Id { get; set; }

    public required string Name { get; set; }

    public decimal Price { get; set; }

    public required string Description { get; set; }

    public long Version { get; private set; }

    /// <summary>A JSON object. Null: none.</summary>
    public string? Attributes { get; set; }

    public DateTimeOffset CreatedAt { get; private set; }

    public DateTimeOffset UpdatedAt { get; private set; }
}

/// <summary>
/// A row of product_changes, the transactional outbox: up to 500 changes of one statement. Triggers write it, and the relay deletes it
/// when Kafka has acknowledged the changes.
/// </summary>
public sealed class ProductChangesRow
{
    /// <summary>Part of a large statement. Bulk changes have a lane of their own, so that single changes do not wait for them.</summary>
    public bool Bulk { get; set; }

    public long Seq { get; set; }

    public required long[] ProductIds { get; set; }

    /// <summary>For each id, the version of the new row or of the deleted row.</summary>
    public required long[] Versions { get; set; }

    public bool Deleted { get; set; }

    public DateTimeOffset ChangedAt { get; set; }

    /// <summary>The span of the writer, in the format of the W3C: what the setting <see cref="TraceSetting"/> of its transaction says.</summary>
    public string? Traceparent { get; set; }

    /// <summary>A setting of the session, which any writer may set. The relay ignores a value that it cannot read.</summary>
    public const string TraceSetting = "product_cache.traceparent";

    /// <summary>In characters.</summary>
    public const int MaxTraceparent = 55;
}

/// <summary>A row of product_changes_parked: a change that cannot be published, for inspection by an operator.</summary>
public sealed class ParkedChangeRow
{
    public long Id { get; set; }

    public long ProductId { get; set; }

    public long Version { get; set; }

    public bool Deleted { get; set; }

    public DateTimeOffset ChangedAt { get; set; }

    public required string Reason { get; set; }

    public DateTimeOffset ParkedAt { get; set; }
}

/// <summary>
/// A row of idempotency_keys: the result of a creation, so that a repeated request creates no second product. It is written in the
/// transaction of the product.
/// </summary>
public sealed class IdempotencyKeyRow
{
    public required string Client { get; set; }

    public required string Key { get; set; }

    /// <summary>The fingerprint of the draft.</summary>
    public required byte[] Fingerprint { get; set; }

    public long ProductId { get; set; }

    public long Version { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}

public sealed class ProductsDbContext(DbContextOptions<ProductsDbContext> options) : DbContext(options)
{
    public const string Schema = "public";
    public const string HistoryTable = "__EFMigrationsHistory";

    public DbSet<ProductRow> Products => Set<ProductRow>();

    /// <summary>Sets the schema explicitly: the search path of the role may begin with another one.</summary>
    public static void Configure(DbContextOptionsBuilder builder, NpgsqlDataSource dataSource) => builder
        .UseNpgsql(dataSource, npgsql => npgsql.MigrationsHistoryTable(HistoryTable, Schema))
        .UseSnakeCaseNamingConvention();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.HasDefaultSchema(Schema);
        var products = modelBuilder.Entity<ProductRow>();
        products.ToTable("products", table =>
        {
            // The rules of a product, so that no writer can store a row that the service cannot read.
            table.HasCheckConstraint("products_id_positive", "id > 0");
            table.HasCheckConstraint(
                "products_name_valid",
                $@"char_length(name) BETWEEN 1 AND {ProductLimits.MaxNameLength} AND name !~ '[\u0001-\u001f\u007f-\u009f]'");

            // NaN, a value of numeric, is greater than every number.
            table.HasCheckConstraint("products_price_valid", "price BETWEEN 0 AND 9999999999.99");
            table.HasCheckConstraint("products_description_valid", $"char_length(description) <= {ProductLimits.MaxDescriptionLength}");

            // A little longer than the limit of the service, which counts escapes in another way. A value on level 9 is in a container on level 8.
            table.HasCheckConstraint(
                "products_attributes_valid",
                $"jsonb_typeof(attributes) = 'object' AND octet_length(attributes::text) <= {ProductAttributes.MaxLength * 9 / 8} AND NOT attributes @? '$.**{{{ProductAttributes.MaxDepth + 1}}}'");
        });
        products.HasKey(product => product.Id);
        products.Property(product => product.Id).UseIdentityByDefaultColumn();
        products.Property(product => product.Price).HasColumnType("numeric(12,2)");
        products.Property(product => product.Description).HasDefaultValue(string.Empty);
        products.Property(product => product.Attributes).HasColumnType("jsonb");
        products.Property(product => product.Version).HasDefaultValue(0L).ValueGeneratedOnAddOrUpdate().IsConcurrencyToken();
        products.Property(product => product.CreatedAt).HasDefaultValueSql("now()").ValueGeneratedOnAdd();
        products.Property(product => product.UpdatedAt).HasDefaultValueSql("now()").ValueGeneratedOnAddOrUpdate();

        // For case-insensitive search by a part of the name.
        modelBuilder.HasPostgresExtension("pg_trgm");
        products.HasIndex(product => product.Name).HasMethod("gin").HasOperators("gin_trgm_ops");

        var keys = modelBuilder.Entity<IdempotencyKeyRow>().ToTable("idempotency_keys");
        keys.HasKey(key => new { key.Client, key.Key });
        keys.HasIndex(key => key.CreatedAt);
        keys.Property(key => key.CreatedAt).HasDefaultValueSql("now()");

        var changes = modelBuilder.Entity<ProductChangesRow>().ToTable("product_changes");
        changes.HasKey(change => new { change.Bulk, change.Seq });
        changes.Property(change => change.Seq).UseIdentityAlwaysColumn();
        changes.Property(change => change.ChangedAt).HasDefaultValueSql("now()");
        changes.Property(change => change.Traceparent)
            .HasDefaultValueSql($"left(nullif(current_setting('{ProductChangesRow.TraceSetting}', true), ''), {ProductChangesRow.MaxTraceparent})");

        var parked = modelBuilder.Entity<ParkedChangeRow>().ToTable("product_changes_parked");
        parked.Property(change => change.Id).UseIdentityAlwaysColumn();
        parked.Property(change => change.ParkedAt).HasDefaultValueSql("now()");
    }
}
