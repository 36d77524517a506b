using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Api.Products;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Api.Products;

public sealed class ProductBodyTests
{
    private const string Whole = """{"name":"Tea","price":3.5,"description":"Green"}""";

    private static readonly ProductId Id = new(7);

    private static readonly string[] Malformed =
    [
        string.Empty,
        " ",
        "{",
        """{"name":"Tea","price":3.5""",
        """{"name":"Tea","price":3.5} {}""",
        """{"name":"Tea","price":3.5}x""",
        """{"name":"Tea","name":"Coffee","price":3.5}""",
        """{"name":"Tea","na\u006de":"Coffee","price":3.5}""",
        """{"name":"Tea","price":NaN}""",
        """{"name":"Tea","price":Infinity}""",
        """{"name":"Tea","price":03}""",
        """{"name":"Tea","price":+3}""",
        """{"name":"Tea","price":.5}""",
        """{"name":'Tea',"price":3}""",
        """{"name":"Tea","price":3,}""",
        """{"name":"Tea"/*comment*/,"price":3}""",
        """{"\ud800":1,"name":"Tea","price":3}""",
        "\uFEFF" + Whole,
        string.Concat(Enumerable.Repeat("[", 10_000)),
        string.Concat(Enumerable.Repeat("""{"name":""", 10_000)),
    ];

    private static readonly TestCaseData[] Faulty =
    [
        Case("[]", "#"),
        Case("null", "#"),
        Case("3", "#"),
        Case("{}", "#/name #/price"),
        Case("""{"name":null,"price":null,"description":null}""", "#/name #/price #/description"),
        Case("""{"name":3,"price":"3","description":[]}""", "#/name #/price #/description"),
        Case("""{"Name":"Tea","price":3}""", "#/Name #/name"),
        Case("""{"name":"Tea","price":3,"extra":1,"a/b~c d":2}""", "#/extra #/a~1b~0c%20d"),
        Case("""{"name":"Tea","price":3,"id":7}""", "#/id"),
        Case("""{"name":"Tea","price":3,"version":1}""", "#/version"),
        Case("""{"name":"","price":-0.01}""", "#/name #/price"),
        Case("""{"name":"a\tb","price":0.001}""", "#/name #/price"),
        Case("""{"name":"a\u0085b","price":10000000000}""", "#/name #/price"),
        Case("""{"name":"\ud800","price":1e400}""", "#/name #/price"),
        Case("""{"name":"Tea","price":1e-400}""", "#/price"),
        Case("""{"name":"Tea","price":1e-30}""", "#/price"),
        Case("""{"name":"Tea","price":0.9999999999999999999999999999999}""", "#/price"),
        Case("""{"name":"Tea","price":1e999999999999}""", "#/price"),
        Case("""{"name":"Tea","price":3,"description":"a\u0000b"}""", "#/description"),
    ];

    private static readonly TestCaseData[] Prices =
    [
        new("0", 0m), new("-0", 0m), new("-0.0e5", 0m), new("3.50", 3.5m), new("3.500", 3.5m), new("1e2", 100m), new("1.5E-1", 0.15m),
        new("9999999999.99", 9999999999.99m),
    ];

    [Test]
    public void AWholeProductIsRead() => Assert.That(Draft(Whole), Is.EqualTo(new ProductDraft("Tea", 3.5m, "Green")));

    [Test]
    public void AProductWithoutADescriptionHasAnEmptyOne() =>
        Assert.That(Draft("""{"price":3,"name":"Tea"}"""), Is.EqualTo(new ProductDraft("Tea", 3, string.Empty)));

    [TestCase("{}", null, null, null)]
    [TestCase("""{"name":"Tea"}""", "Tea", null, null)]
    [TestCase("""{"description":null,"id":7}""", null, null, "")]
    public void APatchSaysWhatItSaysAndNothingElse(string text, string? name, int? price, string? description) =>
        Assert.That(Draft(text, Id, isPatch: true), Is.EqualTo(new ProductDraft(name, price, description)));

    [TestCase("""{"name":null}""", "#/name")]
    [TestCase("""{"price":null}""", "#/price")]
    [TestCase("""{"id":8}""", "#/id")]
    [TestCase("""{"id":"7"}""", "#/id")]
    [TestCase("""{"id":7.5}""", "#/id")]
    public void APatchCannotTakeWhatAProductNeeds(string text, string pointers) => Assert.That(PointersOf(Fault(text, Id, isPatch: true)), Is.EqualTo(pointers));

    [TestCaseSource(nameof(Prices))]
    public void APriceIsReadExactly(string text, decimal price) =>
        Assert.That(new Price(Draft($$"""{"name":"Tea","price":{{text}}}""").Price!.Value), Is.EqualTo(new Price(price)));

    [TestCaseSource(nameof(Malformed))]
    public void WhatIsNotOneJsonValueIsMalformed(string text) => Assert.That(Fault(text).ProblemDetails.Type, Is.EqualTo("/problems/malformed-body"));

    [TestCaseSource(nameof(Faulty))]
    public void AllFaultsAreToldWithTheirPlaces(string text, string pointers)
    {
        var problem = Fault(text);

        Assert.That(problem.ProblemDetails.Type, Is.EqualTo("/problems/invalid-product"));
        Assert.That(PointersOf(problem), Is.EqualTo(pointers));
    }

    [Test]
    public void LengthsAreCountedInCharactersNotInUnits()
    {
        Assert.That(Draft(Json(Repeat("🫖", 200), Repeat("🫖", 10_000))).Name, Has.Length.EqualTo(400));
        Assert.That(PointersOf(Fault(Json(Repeat("🫖", 201), Repeat("🫖", 10_001)))), Is.EqualTo("#/name #/description"));

        static string Json(string name, string description) => JsonSerializer.Serialize(new { name, price = 1, description });

        static string Repeat(string text, int times) => string.Concat(Enumerable.Repeat(text, times));
    }

    [Test]
    public void FaultsAreLimitedInNumberAndLength()
    {
        var members = string.Join(',', Enumerable.Range(0, 1_000).Select(number => $"\"{number}{new string('x', 1_000)}\":1"));

        var pointers = PointersOf(Fault($"{{{members}}}")).Split(' ');

        Assert.That(pointers, Has.Length.EqualTo(ProductBody.MaxFaults));
        Assert.That(pointers, Has.All.Length.EqualTo(102));
    }

    private static ProductDraft Draft(string text, ProductId? id = null, bool isPatch = false)
    {
        var (draft, fault) = Read(text, id, isPatch);
        Assert.That(fault, Is.Null, () => PointersOf(fault!));
        return draft!;
    }

    private static ProblemHttpResult Fault(string text, ProductId? id = null, bool isPatch = false) => Read(text, id, isPatch).Fault!;

    private static (ProductDraft? Draft, ProblemHttpResult? Fault) Read(string text, ProductId? id, bool isPatch) =>
        ProductBody.Read(Encoding.UTF8.GetBytes(text), id, isPatch, new ProductDraftValidator());

    private static string PointersOf(ProblemHttpResult problem) =>
        string.Join(' ', ((IEnumerable<BodyFault>)problem.ProblemDetails.Extensions["errors"]!).Select(fault => fault.Pointer));

    private static TestCaseData Case(string text, string pointers) => new(text, pointers);
}
