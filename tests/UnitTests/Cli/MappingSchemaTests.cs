using System.Text.Json.Nodes;
using ProductCache.Application;
using ProductCache.Cli;

namespace ProductCache.UnitTests.Cli;

/// <summary>The JSON Schema beside a mapping.</summary>
public sealed class MappingSchemaTests
{
    [TestCase("""{"a":1}""", """{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}""")]
    [TestCase("""{"a":1.5}""", """{"type":"object","properties":{"a":{"type":"number"}},"required":["a"]}""")]
    [TestCase("""{"a":1e400}""", """{"type":"object","properties":{"a":{"type":"number"}},"required":["a"]}""")]
    [TestCase("""{"a":"x"}""", """{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}""")]
    [TestCase("""{"a":true}""", """{"type":"object","properties":{"a":{"type":"boolean"}},"required":["a"]}""")]
    [TestCase("""{"a":null}""", """{"type":"object","properties":{"a":{"type":"null"}},"required":["a"]}""")]
    [TestCase("""{"a":[]}""", """{"type":"object","properties":{"a":{"type":"array"}},"required":["a"]}""")]
    [TestCase("""{"a":[1,"x"]}""", """{"type":"object","properties":{"a":{"type":"array","items":{"type":["integer","string"]}}},"required":["a"]}""")]
    [TestCase("""{"a":{"b":1}}""", """{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"integer"}},"required":["b"]}},"required":["a"]}""")]
    [TestCase("{}", """{"type":"object"}""")]
    public void ADraftSaysWhatTheBodyHas(string body, string expected) => AssertDraft(expected, body);

    [Test]
    public void WhatAllBodiesHaveIsRequired() =>
        AssertDraft("""{"type":"object","properties":{"a":{"type":["integer","null"]},"b":{"type":"string"}},"required":["a"]}""", """{"a":1}""", """{"a":null,"b":"x"}""");

    [Test]
    public void AnIntegerIsANumberToo() =>
        AssertDraft("""{"type":"object","properties":{"a":{"type":["null","number"]}},"required":["a"]}""", """{"a":1}""", """{"a":1.5}""", """{"a":null}""");

    [Test]
    public void ADraftOfNothingIsAnyObject() => AssertDraft("""{"type":"object"}""");

    [Test]
    public void AProductWithoutABodyIsLeftOut() =>
        Assert.That(MappingSchema.Draft([new MappedProduct("1", null, "A fault.", null, []), Product("""{"a":1}""")]), Is.EqualTo(MappingSchema.Draft([Product("""{"a":1}""")])));

    [TestCase("""{"a":1,"b":[{"c":1.5},{"d":null}],"ä \" %":{"e":[]}}""")]
    [TestCase("""{"a":1e400}""")]
    [TestCase("{}")]
    public void ADraftIsFitted(string body)
    {
        MappedProduct[] products = [Product(body)];

        Assert.That(MappingSchema.Check(MappingSchema.Draft(products), products), Is.EqualTo(new[] { new Check("schema", CheckResult.Fine, "1 products fit the JSON Schema.") }));
    }

    [TestCase("""{"a":123456789012345678901234567890}""")]
    public void ANumberThatCannotBeComparedIsAWarning(string body)
    {
        MappedProduct[] products = [Product(body)];

        Assert.That(MappingSchema.Check(MappingSchema.Draft(products), products), Is.EqualTo(new[]
        {
            new Check("schema", CheckResult.Warning, "Product 1 has a number that is too large for this check of the JSON Schema."),
        }));
    }

    [Test]
    public void EveryProductThatDoesNotFitIsNamedWithThePlace()
    {
        const string schema = """{"type":"object","properties":{"price":{"type":"number","minimum":0}},"required":["price"]}""";

        var checks = MappingSchema.Check(schema, [Product("""{"price":1}"""), Product("""{"price":"NaN"}""", "2"), Product("""{"price":-1}""", "3"), Product("{}", "4")]).ToList();

        Assert.That(checks.Select(check => check.Result), Is.All.EqualTo(CheckResult.Fault));
        Assert.That(checks.Select(check => check.Text[..check.Text.IndexOf(':', StringComparison.Ordinal)]), Is.EqualTo(new[]
        {
            "Product 2 does not fit the JSON Schema at /price", "Product 3 does not fit the JSON Schema at /price", "Product 4 does not fit the JSON Schema at ",
        }));
    }

    [Test]
    public void AMemberThatAnObjectHasTwiceIsNamed() => Assert.That(
        MappingSchema.Check("{}", [Product("""{"a":1,"a":2}""")]).Single().Text, Is.EqualTo("Product 1 has a member twice, which readers understand in different ways."));

    [Test]
    public void AMemberThatAnObjectHasTwiceIsNotDrafted() => AssertDraft("""{"type":"object"}""", """{"a":1,"a":2}""");

    [TestCase("""{"type":7}""")]
    [TestCase("""{"type":"object","required":"a"}""")]
    [TestCase("""{"properties":[]}""")]
    [TestCase("""{"pattern":"("}""")]
    [TestCase("""{"$ref":"#/nothing"}""")]
    [TestCase("""{"properties":{"a":{"$ref":"https://nowhere.example/schema"}}}""")]
    [TestCase("""{"$schema":"https://nowhere.example/dialect"}""")]
    public void ASchemaThatIsNoneIsAFault(string schema)
    {
        var check = MappingSchema.Check(schema, [Product("""{"a":"x"}""")]).Single();

        Assert.That(check.Result, Is.EqualTo(CheckResult.Fault));
        Assert.That(check.Text, Does.StartWith("The JSON Schema beside the mapping is not valid: ").And.Not.Contain("\n"));
    }

    [Test]
    public void TwoChecksOfOneSchemaAreTheSame()
    {
        const string schema = """{"$id":"https://shop.example/product","type":"object"}""";
        MappedProduct[] products = [Product("{}")];

        Assert.That(MappingSchema.Check(schema, products).Single().Result, Is.EqualTo(CheckResult.Fine));
        Assert.That(MappingSchema.Check(schema, products).Single().Result, Is.EqualTo(CheckResult.Fine));
    }

    [Test]
    public void AMissingSchemaIsAWarning()
    {
        var check = MappingSchema.Check(null, [Product("{}")]).Single();

        Assert.That((check.Result, check.Remedy), Is.EqualTo((CheckResult.Warning, "mapping check --draft-schema > NAME.schema.json")));
    }

    private static MappedProduct Product(string body, string id = "1") => new(id, body, null, null, []);

    private static void AssertDraft(string expected, params string[] bodies)
    {
        var draft = JsonNode.Parse(MappingSchema.Draft([.. bodies.Select(body => Product(body))]))!.AsObject();
        Assert.That(draft["$schema"]!.ToString(), Is.EqualTo("https://json-schema.org/draft/2020-12/schema"));
        draft.Remove("$schema");
        Assert.That(draft.ToJsonString(), Is.EqualTo(expected));
    }
}
