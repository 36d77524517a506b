using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport;

/// <summary>Products for tests. Ids are drawn at random, so that tests can share servers without seeing each other.</summary>
public static class TestProducts
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    public static ProductId NewId() => new(Random.Shared.NextInt64(1_000_000, long.MaxValue));

    public static Product Product(ProductId id, long version = 1, string name = "Tea") =>
        new(id, name, new Price(3.50m), "Green", new ProductVersion(version));

    public static CachedProduct Entry(ProductId id, long version = 1) =>
        CachedProduct.Of(Product(id, version), DateTimeOffset.UtcNow, Lifetime);

    public static CachedProduct Absence() => CachedProduct.Absent(DateTimeOffset.UtcNow, TimeSpan.FromSeconds(20));

    public static Change Upsert(ProductId id, long version) => new(id, new ProductVersion(version), Deleted: false);

    public static Change Deletion(ProductId id, long version) => new(id, new ProductVersion(version), Deleted: true);
}
