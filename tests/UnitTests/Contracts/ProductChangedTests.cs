using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MassTransit.Serialization;
using ProductCache.Contracts;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Contracts;

public sealed class ProductChangedTests
{
    private const string ApprovedFile = "ProductChanged.approved.json";

    private static readonly JsonSerializerOptions Options = SystemTextJsonMessageSerializer.Options;

    private static readonly ProductChanged Message = new()
    {
        ProductId = 42,
        Version = 7,
        Kind = ProductChangeKind.Upserted,
        ChangedAt = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).AddMicroseconds(678_901),
    };

    private static JsonNode Schema { get; } =
        JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Root, "docs", "product-changed.schema.json")))!;

    [Test]
    public void AChangeIsTheApprovedJson() => Approved.Verify(ApprovedFile, JsonSerializer.Serialize(Message, Options));

    [Test]
    public void TheApprovedJsonIsAChange() => Assert.That(Read(Approved.Read(ApprovedFile)), Is.EqualTo(Message));

    [TestCase(ProductChangeKind.Upserted, "upserted")]
    [TestCase(ProductChangeKind.Deleted, "deleted")]
    public void AKindIsWrittenAsAWord(ProductChangeKind kind, string word)
    {
        var json = JsonSerializer.Serialize(Message with { Kind = kind }, Options);

        Assert.That(JsonNode.Parse(json)!["kind"]!.GetValue<string>(), Is.EqualTo(word));
        Assert.That(Read(json), Is.EqualTo(Message with { Kind = kind }));
    }

    [Test]
    public void EveryKindHasAWord() =>
        Assert.That(Enum.GetValues<ProductChangeKind>(), Is.All.Matches<ProductChangeKind>(kind => Read(JsonSerializer.Serialize(Message with { Kind = kind }, Options))!.Kind == kind));

    [TestCase(1, 1)]
    [TestCase(long.MaxValue, ProductChanged.MaxVersion)]
    public void AChangeKeepsItsNumbers(long id, long version)
    {
        var message = Message with { ProductId = id, Version = version };

        Assert.That(Read(JsonSerializer.Serialize(message, Options)), Is.EqualTo(message));
    }

    [Test]
    public void TheLargestVersionIsThatOfTheDomain() => Assert.That(ProductChanged.MaxVersion, Is.EqualTo(ProductVersion.Max));

    [Test]
    public void AMemberThatALaterContractAddsIsIgnored() => Assert.That(Read(With("addedLater", "true")), Is.EqualTo(Message));

    [TestCase("")]
    [TestCase("not JSON")]
    [TestCase("{")]
    [TestCase("[]")]
    [TestCase("42")]
    [TestCase("{}")]
    public void WhatIsNoChangeIsRefused(string json) => Assert.That(() => Read(json), Throws.InstanceOf<JsonException>());

    [TestCase("productId")]
    [TestCase("version")]
    [TestCase("kind")]
    [TestCase("changedAt")]
    public void AChangeThatLacksAMemberIsRefused(string member)
    {
        var json = JsonNode.Parse(Approved.Read(ApprovedFile))!.AsObject();
        json.Remove(member);

        Assert.That(() => Read(json.ToJsonString()), Throws.InstanceOf<JsonException>());
    }

    [TestCase("productId", "0")]
    [TestCase("productId", "-1")]
    [TestCase("version", "0")]
    [TestCase("version", "-7")]
    [TestCase("version", "4503599627370496")]
    public void ANumberOutOfItsRangeIsRefused(string member, string value) =>
        Assert.That(() => Read(With(member, value)), Throws.TypeOf<ArgumentOutOfRangeException>().Or.TypeOf<JsonException>());

    [TestCase("productId", "null")]
    [TestCase("productId", "1.5")]
    [TestCase("productId", "9223372036854775808")]
    [TestCase("version", "null")]
    [TestCase("version", "1.5")]
    [TestCase("kind", "\"archived\"")]
    [TestCase("kind", "\"\"")]
    [TestCase("kind", "\"0\"")]
    [TestCase("kind", "0")]
    [TestCase("kind", "1")]
    [TestCase("kind", "7")]
    [TestCase("kind", "null")]
    [TestCase("changedAt", "null")]
    [TestCase("changedAt", "\"yesterday\"")]
    [TestCase("changedAt", "0")]
    public void AMemberOfAnotherKindIsRefused(string member, string value) =>
        Assert.That(() => Read(With(member, value)), Throws.InstanceOf<JsonException>());

    [Test]
    public void TheExampleOfTheSchemaIsTheApprovedJson() =>
        Assert.That(JsonNode.DeepEquals(Schema["examples"]![0], JsonNode.Parse(Approved.Read(ApprovedFile))), Is.True);

    [Test]
    public void TheSchemaHasTheMembersOfTheMessage()
    {
        var members = Options.GetTypeInfo(typeof(ProductChanged)).Properties;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Schema["properties"]!.AsObject().Select(property => property.Key), Is.EquivalentTo(members.Select(member => member.Name)));
            Assert.That(
                Schema["required"]!.AsArray().Select(name => name!.GetValue<string>()),
                Is.EquivalentTo(members.Where(member => member.IsRequired).Select(member => member.Name)));
            Assert.That(Schema["properties"]!.AsObject().Select(property => property.Value!["description"]?.GetValue<string>()), Is.All.Not.Null.And.All.Not.Empty);
        }
    }

    [Test]
    public void TheSchemaHasTheLimitsOfTheMessage()
    {
        var properties = Schema["properties"]!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(LimitsOf("productId"), Is.EqualTo((0L, long.MaxValue)));
            Assert.That(LimitsOf("version"), Is.EqualTo((1L, ProductChanged.MaxVersion)));
            Assert.That(
                properties["kind"]!["enum"]!.AsArray().Select(word => word!.GetValue<string>()),
                Is.EquivalentTo(Enum.GetValues<ProductChangeKind>().Select(kind => JsonNode.Parse(JsonSerializer.Serialize(Message with { Kind = kind }, Options))!["kind"]!.GetValue<string>())));
        }

        (long, long) LimitsOf(string member) => (properties[member]!["minimum"]!.GetValue<long>(), properties[member]!["maximum"]!.GetValue<long>());
    }

    private static ProductChanged? Read(string json) => JsonSerializer.Deserialize<ProductChanged>(Encoding.UTF8.GetBytes(json), Options);

    private static string With(string member, string value)
    {
        var json = JsonNode.Parse(Approved.Read(ApprovedFile))!.AsObject();
        json[member] = JsonNode.Parse(value);
        return json.ToJsonString();
    }
}
