using System.Text;
using System.Text.Json.Nodes;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport;

/// <summary>Products for tests. Ids are drawn at random, so that tests can share servers without seeing each other.</summary>
public static class TestProducts
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    public static ProductId NewId() => new(Random.Shared.NextInt64(1_000_000, long.MaxValue));

    public static Product Product(ProductId id, long version = 1, string name = "Tea") => Product(id, name, 3.50m, "Green", version);

    /// <summary>A product as the built-in table gives it.</summary>
    public static Product Product(ProductId id, string name, decimal price, string description, long version = 1)
    {
        var text = new JsonObject { ["id"] = id.Value, ["name"] = name, ["price"] = new Price(price).Amount, ["description"] = description }.ToJsonString();
        return ProductJson.TryCompact(Encoding.UTF8.GetBytes(text), out var json, out var fault) ? new Product(id, version, json) : throw new ArgumentException(fault);
    }

    public static CachedProduct Entry(ProductId id, long version = 1) =>
        CachedProduct.Of(Product(id, version), DateTimeOffset.UtcNow, Lifetime);

    public static CachedProduct Absence() => CachedProduct.Absent(DateTimeOffset.UtcNow, TimeSpan.FromSeconds(20));

    public static Change Upsert(ProductId id, long version) => new(id, new ProductVersion(version), Deleted: false);

    public static Change Deletion(ProductId id, long version) => new(id, new ProductVersion(version), Deleted: true);
}
