using System.Text.Json;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Domain;

public sealed class ProductAttributesTests
{
    [TestCase("""{ "color" : "red", "sizes": [1, 2.50, {"a": null}] }""", """{"color":"red","sizes":[1,2.50,{"a":null}]}""")]
    [TestCase("{}", "{}")]
    [TestCase("""{"é":"\u00e9 <b>"}""", """{"é":"é <b>"}""")]
    public void AnObjectIsKeptWithoutWhiteSpace(string text, string json) => Assert.That(Parse(text).Attributes!.Json, Is.EqualTo(json));

    [TestCase("[1]", "must be an object")]
    [TestCase("\"x\"", "must be an object")]
    [TestCase("""{"a":"\u0000"}""", "null character")]
    [TestCase("""{"\u0000":1}""", "null character")]
    [TestCase("""{"a":["\ud800"]}""", "unpaired surrogate")]
    [TestCase("""{"a":1e999}""", "64-bit")]
    [TestCase("""{"1":{"2":{"3":{"4":{"5":{"6":{"7":{"8":{}}}}}}}}}""", "at most 8 levels")]
    [TestCase("""{"1":[[[[[[[[]]]]]]]]}""", "at most 8 levels")]
    public void WhatCannotBeKeptIsTold(string text, string fault) => Assert.That(Parse(text).Fault, Does.Contain(fault));

    [Test]
    public void EightLevelsAreKept() => Assert.That(Parse("""{"1":{"2":{"3":{"4":{"5":{"6":{"7":{"8":1}}}}}}}}""").Fault, Is.Null);

    [Test]
    public void TheLimitCountsTheSpacesThatPostgresWrites()
    {
        // {"a": "…"}: 8 bytes beside the text.
        Assert.That(Parse($$"""{"a":"{{new string('x', ProductAttributes.MaxLength - 9)}}"}""").Fault, Is.Null);
        Assert.That(Parse($$"""{"a":"{{new string('x', ProductAttributes.MaxLength - 8)}}"}""").Fault, Does.Contain("at most 65536 bytes"));
    }

    [Test]
    public void WhatPostgresStoresIsRead() => Assert.That(ProductAttributes.OfStore("""{"a": 1, "b": [true, null]}""").Json, Is.EqualTo("""{"a":1,"b":[true,null]}"""));

    [Test]
    public void EqualTextsAreEqualAttributes() => Assert.That(ProductAttributes.OfStore("""{"a": 1}"""), Is.EqualTo(ProductAttributes.OfStore("""{"a":1}""")));

    private static (ProductAttributes? Attributes, string? Fault) Parse(string text)
    {
        using var document = JsonDocument.Parse(text);
        ProductAttributes.TryParse(document.RootElement, out var attributes, out var fault);
        return (attributes, fault);
    }
}
