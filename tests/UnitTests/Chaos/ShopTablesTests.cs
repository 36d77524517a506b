using System.Text;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Chaos;
using ProductCache.Chaos.Mapped;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.UnitTests.Chaos;

public sealed class ShopTablesTests
{
    [Test]
    public void AnIdHasTheNumberOfItsProduct([Values(1, 2, 3, 4, 1_000_000_007, 2_000_000_003)] long number)
    {
        var tables = new ShopTables(plantedFault: null, isAudited: false);

        Assert.That(tables.NumberOf(tables.IdOf(number).Text), Is.EqualTo(number));
    }

    [Test]
    public void TheMappingIsOneAlsoWithAFault([ValueSource(nameof(Faults))] string? fault) =>
        Assert.That(ProductMapping.TryParse("shop.sql", MappedFaults.Of(fault)?.Mapping(ShopTables.Mapping) ?? ShopTables.Mapping, out _, out var faults), Is.True, string.Join(' ', faults));

    [Test]
    public void AFaultChangesSomething([ValueSource(nameof(Planted))] string name)
    {
        var fault = MappedFaults.Of(name)!;

        Assert.That(fault.Services is not null || fault.Sql.Length > 0 || fault.Mapping(ShopTables.Mapping) != ShopTables.Mapping, Is.True);
    }

    [Test]
    public void EveryFaultOfTheServicesFindsWhatItReplaces([ValueSource(nameof(OfServices))] string name) => Assert.DoesNotThrow(() => PlantedFaults.All[name](new ServiceCollection()));

    [Test]
    public void ABodyTellsItsWrites() => Assert.That(
        Read("""{"write":5,"stock":6,"price":null,"title":"Product 5","categories":[[1,7,8],[4,9,null]]}"""),
        Is.EqualTo(new Document(5, 6, 0, [new ShownCategory(1, 7, 8), new ShownCategory(4, 9, 0)])));

    [TestCase("")]
    [TestCase("{}")]
    [TestCase("""{"write":5,"stock":6,"price":7,"categories":[[1]]}""")]
    public void WhatIsNoDocumentIsNone(string body) => Assert.That(Read(body), Is.Null);

    [Test]
    public void TheLargestCategoryTakesSeveralStepsOfAnExpansion() => Assert.That(
        ShopTables.FirstRows.Count(row => row is { Table: ShopTable.Memberships, Key: ShopTables.Largest }), Is.EqualTo(ShopTables.LargestCount).And.GreaterThan(4 * TouchExpansions.MaxProducts));

    private static IEnumerable<string> Planted => MappedFaults.All.Keys;

    private static IEnumerable<string?> Faults => [null, .. Planted];

    private static IEnumerable<string> OfServices => PlantedFaults.All.Keys;

    private static Document? Read(string body) => Documents.Read(Encoding.UTF8.GetBytes(body));
}
