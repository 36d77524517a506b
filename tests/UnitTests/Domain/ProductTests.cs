using ProductCache.Domain;

namespace ProductCache.UnitTests.Domain;

public sealed class ProductTests
{
    private const string Emoji = "😀";

    [Test]
    public void AProductKeepsWhatItIsMadeOf()
    {
        var product = new Product(new ProductId(7), "Kettle", new Price(19.9m), "Boils.\n\tTwice.", new ProductVersion(3));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(product.Id, Is.EqualTo(new ProductId(7)));
            Assert.That(product.Name, Is.EqualTo("Kettle"));
            Assert.That(product.Price, Is.EqualTo(new Price(19.90m)));
            Assert.That(product.Description, Is.EqualTo("Boils.\n\tTwice."));
            Assert.That(product.Version, Is.EqualTo(new ProductVersion(3)));
        }
    }

    [TestCase("x", 200)]
    [TestCase(Emoji, 200)]
    public void ANameOf200CharactersIsAccepted(string character, int count) =>
        Assert.That(() => Named(Times(character, count)), Throws.Nothing);

    [TestCase("x", 201)]
    [TestCase(Emoji, 201)]
    public void ANameOf201CharactersIsRefused(string character, int count) =>
        Assert.That(() => Named(Times(character, count)), Throws.ArgumentException);

    [Test]
    public void AProductHasAName() => Assert.Multiple(() =>
    {
        Assert.That(() => Named(string.Empty), Throws.ArgumentException);
        Assert.That(() => Named(null!), Throws.ArgumentNullException);
    });

    [Test]
    public void ANameHasNoControlCharacters([Values('\0', '\t', '\n', '\r', '\u001f', '\u007f', '\u0080', '\u0085', '\u009f')] char control) =>
        Assert.That(() => Named($"ket{control}tle"), Throws.ArgumentException);

    [TestCase("Ümläut & “quotes” <b>")]
    [TestCase("\u00a0")]
    [TestCase("名前")]
    public void ANameMayHoldEveryOtherCharacter(string name) => Assert.That(Named(name).Name, Is.EqualTo(name));

    [TestCase("x")]
    [TestCase(Emoji)]
    public void ADescriptionHas10000CharactersAtMost(string character) => Assert.Multiple(() =>
    {
        Assert.That(() => Described(Times(character, 10_000)), Throws.Nothing);
        Assert.That(() => Described(Times(character, 10_001)), Throws.ArgumentException);
    });

    [Test]
    public void ADescriptionMayBeEmptyButIsThere() => Assert.Multiple(() =>
    {
        Assert.That(() => Described(string.Empty), Throws.Nothing);
        Assert.That(() => Described(null!), Throws.ArgumentNullException);
    });

    private static Product Named(string name) => new(new ProductId(1), name, new Price(1), string.Empty, new ProductVersion(1));

    private static Product Described(string description) => new(new ProductId(1), "x", new Price(1), description, new ProductVersion(1));

    private static string Times(string character, int count) => string.Concat(Enumerable.Repeat(character, count));
}
