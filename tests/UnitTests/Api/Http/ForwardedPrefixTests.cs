using ProductCache.Api.Http;

namespace ProductCache.UnitTests.Api.Http;

public sealed class ForwardedPrefixTests
{
    [TestCase("/shop", "/shop")]
    [TestCase("/shop/", "/shop")]
    [TestCase(" /shop/v2.0/a-b_c~d ", "/shop/v2.0/a-b_c~d")]
    public void APlainPathIsAPrefix(string text, string expected)
    {
        Assert.That(ForwardedPrefix.TryRead(text, out var prefix), Is.True);
        Assert.That(prefix.Value, Is.EqualTo(expected));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("/")]
    [TestCase("//")]
    [TestCase("shop")]
    [TestCase("//evil.example")]
    [TestCase("/\\evil.example")]
    [TestCase("https://evil.example")]
    [TestCase("/shop//a")]
    [TestCase("/shop/../admin")]
    [TestCase("/./shop")]
    [TestCase("/shop?a=b")]
    [TestCase("/shop#a")]
    [TestCase("/shop>; rel=\"next\"")]
    [TestCase("/sh op")]
    [TestCase("/sh%2Fop")]
    [TestCase("/shöp")]
    public void AnythingElseIsIgnored(string? text) => Assert.That(ForwardedPrefix.TryRead(text, out _), Is.False);

    [Test]
    public void APrefixHasALimit()
    {
        Assert.That(ForwardedPrefix.TryRead($"/{new string('a', 255)}", out _), Is.True);
        Assert.That(ForwardedPrefix.TryRead($"/{new string('a', 256)}", out _), Is.False);
    }
}
