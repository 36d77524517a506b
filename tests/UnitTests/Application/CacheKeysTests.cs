using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

public sealed class CacheKeysTests
{
    [TestCase(1)]
    [TestCase(42)]
    [TestCase(long.MaxValue)]
    public void TheKeyOfAnEntryNamesItsProduct(long id)
    {
        Assert.That(CacheKeys.TryReadEntry(CacheKeys.Entry(new ProductId(id)), out var read), Is.True);
        Assert.That(read, Is.EqualTo(new ProductId(id)));
    }

    [TestCase("")]
    [TestCase("product:{")]
    [TestCase("product:{}")]
    [TestCase("product:{1")]
    [TestCase("product:1")]
    [TestCase("product:{1}x")]
    [TestCase("xproduct:{1}")]
    [TestCase("Product:{1}")]
    [TestCase("product:{{1}}")]
    [TestCase("product:{.}")]
    [TestCase("product:{1 }")]
    [TestCase("product:{a/b}")]
    [TestCase("product:{a%2fb}")]
    [TestCase("product:{%61}")]
    public void AnotherKeyNamesNone(string key) => Assert.That(CacheKeys.TryReadEntry(key, out _), Is.False);

    [Test]
    public void TheKeyOfALeaseIsNotThatOfAnEntry() => Assert.That(CacheKeys.TryReadEntry(CacheKeys.Lease(Sample.Id), out _), Is.False);

    [Test]
    public void BothKeysOfAProductAreInOneSlot() =>
        Assert.That((CacheKeys.Entry(Sample.Id), CacheKeys.Lease(Sample.Id)), Is.EqualTo(("product:{42}", "lease:{42}")));
}
