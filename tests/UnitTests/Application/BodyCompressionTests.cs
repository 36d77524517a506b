using System.Text;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

public sealed class BodyCompressionTests
{
    private static readonly EntryFormat Compressing = EntryFormat.BuiltIn.WithCompression();

    private static readonly EntryFormat CompressingMapping = EntryFormat.OfMapping(7).WithCompression();

    [TestCase(false)]
    [TestCase(true)]
    public void ALargeBodyIsStoredCompressedAndReadAsItWas(bool isMapped)
    {
        var product = Product(5_000);
        var format = isMapped ? CompressingMapping : Compressing;

        Assert.That(CachedProduct.TryRead(CachedProduct.Of(product, Sample.Time, TimeSpan.FromMinutes(1), format).Payload, out var read), Is.True);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(read!.IsCompressed, Is.True);
            Assert.That(read.StoredBody.Length, Is.LessThan(1_000));
            Assert.That(read.Body.ToArray(), Is.EqualTo(product.Json.ToArray()));
            Assert.That(read.BodyLength, Is.EqualTo(product.Json.Length));
            Assert.That(read.IsOf(product), Is.True);
            Assert.That((read.IsAbsent, read.IsUnreadable, read.Version), Is.EqualTo((false, false, 1L)));
            Assert.That(format.Reads(read.Payload), Is.True);
        }
    }

    [Test]
    public void TheTagOfAMappingIsThatOfTheBodyWithoutCompression() => Assert.That(
        CachedProduct.Of(Product(5_000), Sample.Time, TimeSpan.FromMinutes(1), CompressingMapping).EntityTag,
        Is.EqualTo(CachedProduct.Of(Product(5_000), Sample.Time, TimeSpan.FromMinutes(1), EntryFormat.OfMapping(7)).EntityTag));

    [TestCase(BodyCompression.Above, false)]
    [TestCase(BodyCompression.Above + 1, true)]
    public void AShortBodyIsStoredAsItIs(int length, bool isCompressed)
    {
        var body = Encoding.UTF8.GetBytes(new string('x', length));

        Assert.That(BodyCompression.TryCompress(body) is not null, Is.EqualTo(isCompressed));
    }

    [Test]
    public void WhatDoesNotBecomeShorterIsStoredAsItIs()
    {
        var body = new byte[4_000];
        new Random(7).NextBytes(body);

        Assert.That(BodyCompression.TryCompress(body), Is.Null);
    }

    [Test]
    public void WithoutTheSettingNothingIsCompressed() =>
        Assert.That(CachedProduct.Of(Product(5_000), Sample.Time, TimeSpan.FromMinutes(1)).IsCompressed, Is.False);

    [Test]
    public void ADamagedBodyIsNoEntryOrAFaultAndNeverAnAnswer()
    {
        var entry = CachedProduct.Of(Product(5_000), Sample.Time, TimeSpan.FromMinutes(1), Compressing);
        byte[] withoutBeginning = [.. entry.Payload[..CachedProduct.HeaderLength], .. "not gzip, but long enough"u8];
        byte[] cut = [.. entry.Payload[..^8], 5, 0, 0, 0, 0x10, 0, 0, 0];
        byte[] huge = [.. entry.Payload[..^4], 0xff, 0xff, 0xff, 0xff];

        Assert.That(CachedProduct.TryRead(withoutBeginning, out _), Is.False);
        Assert.That(CachedProduct.TryRead(huge, out _), Is.False);
        Assert.That(CachedProduct.TryRead(cut, out var read), Is.True);
        Assert.That(() => read!.Body, Throws.InstanceOf<InvalidDataException>());
        Assert.That(read!.IsOf(Product(5_000)), Is.False, "The audit replaces it.");
    }

    private static Product Product(int length) => TestSupport.TestProducts.Product(Sample.Id, "Chair", 1m, new string('x', length), 1);
}
