using System.Text;
using System.Text.Json;
using MassTransit.Serialization;
using ProductCache.Contracts;
using PublicApiGenerator;

namespace ProductCache.UnitTests.Contracts;

public sealed class ContractsTests
{
    private static readonly JsonSerializerOptions Options = SystemTextJsonMessageSerializer.Options;

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

    [TestCase("{}")]
    [TestCase("""{"id":42}""")]
    [TestCase("""{"productId":null}""")]
    [TestCase("""{"productId":9223372036854775808}""")]
    [TestCase("""{"productId":1.5}""")]
    [TestCase("""{"productId":true}""")]
    public void ARequestWithoutAnIdIsRefused(string json) => Assert.That(() => Read(json), Throws.InstanceOf<JsonException>());

    [TestCase(1)]
    [TestCase(long.MaxValue)]
    public void ARequestKeepsItsId(long id) =>
        Assert.That(Read(JsonSerializer.Serialize(new ProductRequested { ProductId = id }, Options))?.ProductId, Is.EqualTo(id));

    private static ProductRequested? Read(string json) => JsonSerializer.Deserialize<ProductRequested>(Encoding.UTF8.GetBytes(json), Options);
}
