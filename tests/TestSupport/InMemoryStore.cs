using System.Collections.Concurrent;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport;

/// <summary>Products without PostgreSQL. Trusted because it passes <see cref="PortSpecifications.ProductStoreSpecification"/>.</summary>
public sealed class InMemoryStore : IProductStore
{
    private readonly ConcurrentDictionary<ProductId, Product> rows = new();
    private long versions;

    public Product Put(ProductId id, string name, decimal price, string description) =>
        rows[id] = TestProducts.Product(id, name, price, description, Interlocked.Increment(ref versions));

    public void Delete(ProductId id) => rows.TryRemove(id, out _);

    public Task<StoreRead> ReadAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) =>
        Task.FromResult(new StoreRead(ids.Where(rows.ContainsKey).Distinct().ToDictionary(id => id, id => rows[id])));
}
