using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Application;

/// <summary>Values where any will do.</summary>
internal static class Sample
{
    public static readonly DateTimeOffset Time = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static readonly ProductId Id = new(42);

    public static Product Product(ProductId id, long version = 1) =>
        TestProducts.Product(id, $"Product {id}", 9.99m, "What it is.", version);

    public static CachedProduct Entry(long version = 1) => CachedProduct.Of(Product(Id, version), Time, TimeSpan.FromMinutes(10));

    public static CachedProduct NegativeEntry() => CachedProduct.Absent(Time, TimeSpan.FromSeconds(30));
}
