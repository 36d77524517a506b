using System.Text;
using System.Text.Json;
using MassTransit.Serialization;
using ProductCache.Contracts;
using PublicApiGenerator;

namespace ProductCache.UnitTests.Contracts;

public sealed class ContractsTests
{
    private static readonly JsonSerializerOptions Options = SystemTextJsonMessageSerializer.Options;

    private static readonly ProductRequested Renewing = new() { ProductId = 42, Renews = "AAABm3bGXoAAAAAAAAknwA==" };

    [Test]
    public void TheApiIsTheApprovedOne()
    {
        var api = typeof(ProductRequested).Assembly.GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false });

        Approved.Verify("Contracts.approved.txt", api);
    }

    [Test]
    public void ARequestIsTheApprovedJson() =>
        Approved.Verify("ProductRequested.approved.json", JsonSerializer.Serialize(new ProductRequested { ProductId = 42 }, Options));

    [Test]
    public void TheApprovedJsonIsARequest() =>
        Assert.That(Read(Approved.Read("ProductRequested.approved.json")), Is.EqualTo(new ProductRequested { ProductId = 42 }));

    [TestCase("""{"productId":0}""")]
    [TestCase("""{"productId":-1}""")]
    [TestCase("""{"productId":-9223372036854775808}""")]
    public void ARequestForAnIdThatIsNotPositiveIsRefused(string json) =>
        Assert.That(() => Read(json), Throws.TypeOf<ArgumentOutOfRangeException>().Or.TypeOf<JsonException>());

    [Test]
    public void ARequestThatRenewsAnEntryIsTheApprovedJson() =>
        Approved.Verify("ProductRequested.renews.approved.json", JsonSerializer.Serialize(Renewing, Options));

    [Test]
    public void TheApprovedJsonIsARequestThatRenewsAnEntry() =>
        Assert.That(Read(Approved.Read("ProductRequested.renews.approved.json")), Is.EqualTo(Renewing));

    [TestCase("\"\"")]
    [TestCase("\"AAABm3bGXoAAAAAAAAknwA=\"")]
    [TestCase("\"AAABm3bGXoAAAAAAAAk=\"")]
    [TestCase("\"AAABm3bGXoAAAAAAAAknwAAA\"")]
    [TestCase("\"not base64 of 16 bytes!!\"")]
    public void ARequestThatRenewsWhatIsNoEntryIsRefused(string renews) =>
        Assert.That(() => Read($$"""{"productId":42,"renews":{{renews}}}"""), Throws.InstanceOf<ArgumentException>().Or.TypeOf<JsonException>());

    [TestCase("{}")]
    [TestCase("""{"id":42}""")]
    [TestCase("""{"productId":null}""")]
    [TestCase("""{"productId":9223372036854775808}""")]
    [TestCase("""{"productId":1.5}""")]
    [TestCase("""{"productId":true}""")]
    public void ARequestWithoutAnIdIsRefused(string json) => Assert.That(() => Read(json), Throws.InstanceOf<JsonException>());

    [Test]
    public void ARequestThatRenewsNothingMaySaySo() =>
        Assert.That(Read("""{"productId":42,"renews":null}"""), Is.EqualTo(new ProductRequested { ProductId = 42 }));

    [TestCase(1)]
    [TestCase(long.MaxValue)]
    public void ARequestKeepsItsId(long id) =>
        Assert.That(Read(JsonSerializer.Serialize(new ProductRequested { ProductId = id }, Options))?.ProductId, Is.EqualTo(id));

    private static ProductRequested? Read(string json) => JsonSerializer.Deserialize<ProductRequested>(Encoding.UTF8.GetBytes(json), Options);
}
