using System.Text;
using ProductCache.Application;
using ProductCache.Domain;
using static ProductCache.TestSupport.TestProducts;

namespace ProductCache.TestSupport.PortSpecifications;

/// <summary>What every store of products must do.</summary>
public abstract class ProductStoreSpecification
{
    protected abstract IProductStore Store { get; }

    [Test]
    public async Task AProductIsReadAsItWasWritten()
    {
        var id = NewId();
        await PutAsync(id, "Thé «vert» 🍵", 1234567890.12m, "Line one\nline two");

        var product = (await Store.ReadAsync([id], default)).Products[id];

        Assert.That(Encoding.UTF8.GetString(product.Json.Span), Is.EqualTo(
            $$"""{"id":{{id}},"name":"Thé «vert» \uD83C\uDF75","price":1234567890.12,"description":"Line one\nline two"}"""));
    }

    [Test]
    public async Task AnAbsentProductIsNotInTheResult()
    {
        var (there, absent) = (NewId(), NewId());
        await PutAsync(there, "Tea", 1, string.Empty);

        Assert.That((await Store.ReadAsync([absent, there], default)).Products.Keys, Is.EqualTo(new[] { there }));
    }

    [Test]
    public async Task ManyProductsAreReadAtOnce()
    {
        var ids = Enumerable.Range(0, 200).Select(_ => NewId()).ToList();
        foreach (var id in ids)
        {
            await PutAsync(id, $"Product {id}", 1, string.Empty);
        }

        var bodies = (await Store.ReadAsync(ids, default)).Products.Values.Select(product => Encoding.UTF8.GetString(product.Json.Span));
        Assert.That(bodies, Is.EquivalentTo(ids.Select(id => Encoding.UTF8.GetString(TestProducts.Product(id, $"Product {id}", 1, string.Empty).Json.Span))));
    }

    [Test]
    public async Task EveryChangeGivesANewerVersion()
    {
        var id = NewId();
        await PutAsync(id, "Tea", 1, string.Empty);
        var before = (await Store.ReadAsync([id], default)).Products[id].Version;

        await PutAsync(id, "Tea", 2, string.Empty);

        Assert.That((await Store.ReadAsync([id], default)).Products[id].Version, Is.GreaterThan(before));
    }

    [Test]
    public async Task AProductThatIsWrittenAgainAfterItsDeletionIsNewerThanItWas()
    {
        var id = NewId();
        await PutAsync(id, "Tea", 1, string.Empty);
        var before = (await Store.ReadAsync([id], default)).Products[id].Version;

        await DeleteAsync(id);
        Assert.That((await Store.ReadAsync([id], default)).Products, Is.Empty);

        await PutAsync(id, "Tea", 1, string.Empty);
        Assert.That((await Store.ReadAsync([id], default)).Products[id].Version, Is.GreaterThan(before));
    }

    [Test]
    public async Task NothingAskedIsNothingRead() => Assert.That((await Store.ReadAsync([], default)).Products, Is.Empty);

    protected abstract Task PutAsync(ProductId id, string name, decimal price, string description);

    protected abstract Task DeleteAsync(ProductId id);
}

/// <summary>The fake must pass what the real one passes.</summary>
public abstract class InMemoryProductStoreSpecification : ProductStoreSpecification
{
    private readonly InMemoryStore store = new();

    protected override IProductStore Store => store;

    protected override Task PutAsync(ProductId id, string name, decimal price, string description)
    {
        store.Put(id, name, price, description);
        return Task.CompletedTask;
    }

    protected override Task DeleteAsync(ProductId id)
    {
        store.Delete(id);
        return Task.CompletedTask;
    }
}
