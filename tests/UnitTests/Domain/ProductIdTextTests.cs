using ProductCache.Domain;

namespace ProductCache.UnitTests.Domain;

/// <summary>Ids of the types text and uuid.</summary>
public sealed class ProductIdTextTests
{
    private static readonly string Longest = new('x', ProductId.MaxLength);

    private static IEnumerable<TestCaseData> Ids()
    {
        yield return Case("tea", "tea");
        yield return Case("TEA", "TEA");
        yield return Case("a b", "a%20b");
        yield return Case("50%", "50%25");
        yield return Case("%41", "%2541");
        yield return Case("a/b", "a%2Fb");
        yield return Case("a\\b", "a%5Cb");
        yield return Case("a,b", "a%2Cb");
        yield return Case("a+b", "a%2Bb");
        yield return Case("a?b#c&d", "a%3Fb%23c%26d");
        yield return Case("{id}", "%7Bid%7D");
        yield return Case("[1]<2>|^`", "%5B1%5D%3C2%3E%7C%5E%60");
        yield return Case("\"it's\"", "%22it%27s%22");
        yield return Case("größe", "gr%C3%B6%C3%9Fe");
        yield return Case("gro\u0308ße", "gro%CC%88%C3%9Fe");
        yield return Case("茶", "%E8%8C%B6");
        yield return Case("🍵", "%F0%9F%8D%B5");
        yield return Case("x\u200b\ufffe", "x%E2%80%8B%EF%BF%BE");
        yield return Case("chair-1@de-CH", "chair-1@de-CH");
        yield return Case("-._~!$*();=:@", "-._~!$*();=:@");
        yield return Case("...", "...");
        yield return Case(".a", ".a");
        yield return Case("0", "0");
        yield return Case("01", "01");
        yield return Case("-1", "-1");
        yield return Case("1.0", "1.0");
        yield return Case("9223372036854775808", "9223372036854775808");
        yield return Case("٣", "%D9%A3");
        yield return Case(Longest, Longest);
        yield return Case(string.Concat(Enumerable.Repeat("🍵", 200)), string.Concat(Enumerable.Repeat("%F0%9F%8D%B5", 200)));
        yield return Case("01234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef");
    }

    [TestCaseSource(nameof(Ids))]
    public void ATextIsReadAgainFromItsOneEscapedForm(string text, string escaped)
    {
        Assert.That(ProductIdType.Text.TryParse(text, out var id), Is.True);

        Assert.That((id.Text, id.ToString(), id.IsNumber), Is.EqualTo((text, escaped, false)));
        Assert.That(escaped, Has.Length.LessThanOrEqualTo(ProductId.MaxEscapedLength));
        Assert.That(ProductId.TryReadEscaped(escaped, out var again), Is.True);
        Assert.That(again, Is.EqualTo(id));
        Assert.That(again.GetHashCode(), Is.EqualTo(id.GetHashCode()));
        Assert.That(() => id.Value, Throws.InvalidOperationException);
    }

    [TestCase("%74ea", Description = "an escape of what needs none")]
    [TestCase("a%2fb", Description = "lower-case digits")]
    [TestCase("a b")]
    [TestCase("a/b")]
    [TestCase("a,b")]
    [TestCase("größe")]
    [TestCase("50%")]
    [TestCase("%ZZ")]
    [TestCase("%C3%28", Description = "no UTF-8")]
    [TestCase("%C0%AF", Description = "an overlong form")]
    [TestCase("%ED%A0%80", Description = "a surrogate")]
    [TestCase("%00")]
    [TestCase("%0A")]
    [TestCase("%20a")]
    [TestCase("a%20")]
    [TestCase("%2E")]
    [TestCase(".")]
    [TestCase("..")]
    [TestCase("%2E%2E")]
    [TestCase("%31", Description = "a number")]
    [TestCase("")]
    [TestCase(null)]
    public void AnotherFormIsNoId(string? escaped) => Assert.That(ProductId.TryReadEscaped(escaped, out _), Is.False);

    [Test]
    public void AnEscapedIdHasALimitedLength()
    {
        Assert.That(ProductId.TryReadEscaped(string.Concat(Enumerable.Repeat("%F0%9F%8D%B5", 201)), out _), Is.False);
        Assert.That(ProductId.TryReadEscaped(new string('x', 1_000_000), out _), Is.False);
    }

    private static IEnumerable<TestCaseData> NoIds()
    {
        yield return new TestCaseData(null).SetArgDisplayNames("null");
        yield return Named("", "empty");
        yield return Named(".", "a dot");
        yield return Named("..", "two dots");
        yield return Named(" ", "a space");
        yield return Named(" a", "a space at the begin");
        yield return Named("a ", "a space at the end");
        yield return Named("\u00a0a", "a no-break space at the begin");
        yield return Named("a\u3000", "an ideographic space at the end");
        yield return Named("a\u2028", "a line separator at the end");
        yield return Named("a\0b", "NUL");
        yield return Named("a\nb", "a line feed");
        yield return Named("a\tb", "a tab");
        yield return Named("a\u007fb", "DEL");
        yield return Named("a\u0085b", "NEL");
        yield return Named("a\ud83cb", "a high surrogate");
        yield return Named("a\udf75b", "a low surrogate");
        yield return Named("a\udf75\ud83cb", "surrogates in the wrong order");
        yield return Named("a\ud83c", "a high surrogate at the end");
        yield return Named(Longest + "x", "201 characters");
        yield return Named(string.Concat(Enumerable.Repeat("🍵", 201)), "201 code points");
        yield return Named(new string('x', 1_000_000), "a million characters");
    }

    [TestCaseSource(nameof(NoIds))]
    public void AnotherTextIsNoId(string? text) => Assert.That(ProductIdType.Text.TryParse(text, out _), Is.False);

    [TestCase("1")]
    [TestCase("42")]
    [TestCase("9223372036854775807")]
    public void ATextThatIsANumberIsThatNumber(string text)
    {
        Assert.That(ProductIdType.Text.TryParse(text, out var id), Is.True);
        Assert.That(ProductIdType.Bigint.TryParse(text, out var number), Is.True);

        Assert.That((id, id.IsNumber, id.Text, id.ToString()), Is.EqualTo((number, true, text, text)));
        Assert.That(ProductId.TryReadEscaped(text, out var read) && read == number && read != new ProductId(7), Is.True);
    }

    [TestCase("tea")]
    [TestCase("0")]
    [TestCase("01")]
    [TestCase("01234567-89ab-cdef-0123-456789abcdef")]
    public void ATextIsNoBigint(string text) => Assert.That(ProductIdType.Bigint.TryParse(text, out _), Is.False);

    [TestCase("01234567-89ab-cdef-0123-456789abcdef", true)]
    [TestCase("00000000-0000-0000-0000-000000000000", true)]
    [TestCase("01234567-89AB-CDEF-0123-456789ABCDEF", false)]
    [TestCase("0123456789abcdef0123456789abcdef", false)]
    [TestCase("{01234567-89ab-cdef-0123-456789abcdef}", false)]
    [TestCase(" 01234567-89ab-cdef-0123-456789abcdef", false)]
    [TestCase("01234567-89ab-cdef-0123-456789abcde", false)]
    [TestCase("01234567-89ab-cdef-0123-456789abcdeg", false)]
    [TestCase("1", false)]
    [TestCase("", false)]
    [TestCase(null, false)]
    public void OnlyTheCanonicalFormOfAUuidIsOne(string? text, bool isOne)
    {
        Assert.That(ProductIdType.Uuid.TryParse(text, out var id), Is.EqualTo(isOne));
        if (isOne)
        {
            Assert.That((id.Text, id.ToString()), Is.EqualTo((text, text)));
        }
    }

    [Test]
    public void TheNamesOfTheTypesAreThoseOfPostgreSql() => Assert.That(ProductIdType.All.Select(type => $"{type}"), Is.EqualTo(new[] { "bigint", "uuid", "text" }));

    [Test]
    public void AnIdThatWasNeverSetHasNoText() => Assert.That(() => default(ProductId).Text, Throws.InvalidOperationException);

    private static TestCaseData Case(string text, string escaped) => new TestCaseData(text, escaped).SetArgDisplayNames(escaped.Length > 40 ? $"{escaped[..40]}… ({escaped.Length})" : escaped);

    private static TestCaseData Named(string text, string name) => new TestCaseData(text).SetArgDisplayNames(name);
}
