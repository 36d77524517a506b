using System.Text;
using ProductCache.Application;
using ProductCache.Chaos;
using ProductCache.TestSupport;
using ProductCache.UnitTests.Application;

namespace ProductCache.UnitTests.Chaos;

public sealed class ProductTextTests
{
    [TestCase(1)]
    [TestCase(123_456_789)]
    public void ABodyTellsItsWrite(long number) =>
        Assert.That(ProductText.NumberIn(Body(ProductText.Name(number), ProductText.Price(number), ProductText.Description(number)), 42), Is.EqualTo(number));

    [Test]
    public void APartOfAnotherWriteIsNoticed()
    {
        Assert.That(ProductText.NumberIn(Body(ProductText.Name(2), ProductText.Price(1), ProductText.Description(1)), 42), Is.EqualTo(Read.NoWrite));
        Assert.That(ProductText.NumberIn(Body(ProductText.Name(1), ProductText.Price(2), ProductText.Description(1)), 42), Is.EqualTo(Read.NoWrite));
        Assert.That(ProductText.NumberIn(Body(ProductText.Name(1), ProductText.Price(1), ProductText.Description(2)), 42), Is.EqualTo(Read.NoWrite));
        Assert.That(ProductText.NumberIn(Body(ProductText.Name(1), ProductText.Price(1), ProductText.Description(1)), 43), Is.EqualTo(Read.NoWrite));
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("{}")]
    public void WhatIsNoProductIsOfNoWrite(string body) => Assert.That(ProductText.NumberIn(Encoding.UTF8.GetBytes(body), 42), Is.EqualTo(Read.NoWrite));

    private static byte[] Body(string name, decimal price, string description) => CachedProduct
        .Of(TestProducts.Product(Sample.Id, name, price, description), Sample.Time, TimeSpan.FromMinutes(1))
        .Body.ToArray();
}
