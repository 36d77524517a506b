using ProductCache.Domain;

namespace ProductCache.UnitTests.Domain;

public sealed class ProductIdTests
{
    [TestCase("1", 1)]
    [TestCase("42", 42)]
    [TestCase("9223372036854775807", long.MaxValue)]
    public void APositiveNumberOf64BitsIsRead(string text, long expected)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ProductId.TryParse(text, out var id), Is.True);
            Assert.That(id, Is.EqualTo(new ProductId(expected)));
            Assert.That(id.ToString(), Is.EqualTo(text));
        }
    }

    [TestCaseSource(nameof(OtherSpellings))]
    public void EveryOtherSpellingIsRefused(string? text) => Assert.That(ProductId.TryParse(text, out _), Is.False);

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(long.MinValue)]
    public void ANumberThatIsNotPositiveIsNoId(long value) => Assert.That(() => new ProductId(value), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void AnIdThatWasNeverSetCannotBeUsed()
    {
        var unset = default(ProductId);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => unset.Value, Throws.InvalidOperationException);
            Assert.That(unset.ToString, Throws.InvalidOperationException);
        }
    }

    private static IEnumerable<TestCaseData> OtherSpellings()
    {
        yield return Case(null, "null");
        yield return Case(string.Empty, "empty");
        yield return Case("0", "zero");
        yield return Case("-1", "negative");
        yield return Case("abc", "letters");
        yield return Case("0x1", "hexadecimal");
        yield return Case("1e3", "exponent");
        yield return Case("1.0", "decimals");
        yield return Case("1,000", "thousands separator");
        yield return Case("9223372036854775808", "one too large");
        yield return Case("10000000000000000000", "twenty digits");
        yield return Case(new string('1', 8 * 1024), "8 KB of digits");
        yield return Case("٣", "Arabic-Indic digit");
        yield return Case("1٣", "Arabic-Indic digit after an ASCII one");
        yield return Case("１", "full-width digit");
        yield return Case("\0", "NUL");
        yield return Case("1\0", "NUL at the end");
        yield return Case("01", "leading zero");
        yield return Case("+1", "plus sign");
        yield return Case(" 1", "leading space");
        yield return Case("1 ", "trailing space");
        yield return Case("1\n", "line feed at the end");
        yield return Case("1 2", "space inside");
    }

    private static TestCaseData Case(string? text, string name) => new TestCaseData(text).SetArgDisplayNames(name);
}
