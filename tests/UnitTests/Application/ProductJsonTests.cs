using System.Text;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

/// <summary>What the store makes, as readers get it.</summary>
public sealed class ProductJsonTests
{
    [TestCase("{}", "{}")]
    [TestCase(" { \"a\" : [ 1 , null , true ] ,\r\n \"b\" : { } } ", """{"a":[1,null,true],"b":{}}""")]
    [TestCase("""{"a":"\u00e9\u0041\/<b>&'"}""", """{"a":"éA/<b>&'"}""")]
    [TestCase("""{"a":"\ud83c\udf75"}""", """{"a":"\uD83C\uDF75"}""")]
    [TestCase("""{"a":"\"\\\n\u0001"}""", """{"a":"\"\\\n\u0001"}""")]
    [TestCase("""{"a":1.50,"b":1e400,"c":123456789012345678901234567890,"d":-0.0}""", """{"a":1.50,"b":1e400,"c":123456789012345678901234567890,"d":-0.0}""")]
    [TestCase("""{"b":1,"a":2}""", """{"b":1,"a":2}""")]
    [TestCase("""{"größe":1}""", """{"größe":1}""")]
    public void ABodyIsWrittenWithoutWhatItDoesNotNeed(string text, string expected) => Assert.That(Compact(text), Is.EqualTo(expected));

    [TestCase("[]")]
    [TestCase("null")]
    [TestCase("1")]
    [TestCase("\"{}\"")]
    public void AnotherValueIsNoBody(string text) => Assert.That(FaultOf(text), Is.EqualTo("The body is not a JSON object."));

    [TestCase("")]
    [TestCase("{")]
    [TestCase("{} {}")]
    [TestCase("{a:1}")]
    [TestCase("""{"a":1,}""")]
    [TestCase("""{"a":NaN}""")]
    [TestCase("""{"a":"\ud83c"}""")]
    [TestCase("""{"\udf75":1}""")]
    [TestCase("{} // a comment")]
    public void AnotherTextIsNoJson(string text) => Assert.That(FaultOf(text), Is.EqualTo("The body is not JSON of at most 64 levels."));

    [Test]
    public void ABodyHasAtMost64Levels()
    {
        Assert.That(Compact(Nested(64)), Is.EqualTo(Nested(64)));
        Assert.That(FaultOf(Nested(65)), Is.EqualTo("The body is not JSON of at most 64 levels."));
    }

    [Test]
    public void OtherBytesAreNoBody() =>
        Assert.That(FaultOf([.. "{\"a\":\""u8, 0xC3, 0x28, .. "\"}"u8]), Is.EqualTo("The product is not UTF-8."));

    [Test]
    public void ABodyHasAtMostOneMebibyteWithoutWhiteSpace()
    {
        static string Of(int length) => $$"""{"a":"{{new string('x', length - 8)}}"}""";

        Assert.That(Compact(Of(Product.MaxLength)), Has.Length.EqualTo(1024 * 1024));
        Assert.That(Compact(Of(Product.MaxLength).Replace("{", new string(' ', 1000) + "{", StringComparison.Ordinal)), Has.Length.EqualTo(Product.MaxLength));
        Assert.That(FaultOf(Of(Product.MaxLength + 1)), Is.EqualTo("The body has 1048577 bytes, more than 1048576."));
    }

    private static string Nested(int levels) => $"{string.Concat(Enumerable.Repeat("{\"a\":", levels - 1))}{{}}{new string('}', levels - 1)}";

    private static string Compact(string text)
    {
        Assert.That(ProductJson.TryCompact(Encoding.UTF8.GetBytes(text), out var json, out var fault), Is.True, fault);
        return Encoding.UTF8.GetString(json.Span);
    }

    private static string FaultOf(string text) => FaultOf(Encoding.UTF8.GetBytes(text));

    private static string FaultOf(byte[] text)
    {
        Assert.That(ProductJson.TryCompact(text, out _, out var fault), Is.False);
        return fault!;
    }
}
