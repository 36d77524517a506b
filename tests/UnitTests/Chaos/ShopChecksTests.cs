using ProductCache.Chaos;
using ProductCache.Chaos.Mapped;
using static ProductCache.UnitTests.Chaos.ShopHistoryBuilder;

namespace ProductCache.UnitTests.Chaos;

public sealed class ShopChecksTests
{
    private static ShopHistoryBuilder Shop => new();

    [Test]
    public void BodiesOfTheirVersionsAreKnown() => Assert.That(
        UnknownValues(Shop.Reads(0, 0, Body()).Commits(1, 5, [Stock(2), Price(1, 3, -10)]).Reads(1.05, 5, Body(stock: 2, price: 3)).Reads(2, 0, Body())
            .Commits(3, 6, [Product(4, hidden: true)]).ReadsAbsence(4).Commits(5, 7, [Product(5)]).Reads(6, 7, Body(write: 5, stock: 2, price: 3))),
        Is.Empty);

    [Test]
    public void ABodyUnderTheVersionOfAnotherOneIsUnknown()
    {
        var history = Shop.Commits(1, 5, [Stock(2)]).Reads(2, 5, Body()).Reads(2, 0, Body(stock: 2));

        Assert.That(UnknownValues(history), Has.Count.EqualTo(2).And.All.Contains("has {product w1"));
    }

    [Test]
    public void ABodyOfATransactionThatWasRolledBackIsUnknown() => Assert.That(
        UnknownValues(Shop.Ends(TransactionOutcome.RolledBack, 1, 0, [Stock(2)]).Reads(2, 0, Body(stock: 2))), Has.Count.EqualTo(1));

    [Test]
    public void AVersionThatNobodyHasDrawnIsUnknown() => Assert.That(UnknownValues(Shop.Reads(1, 5, Body())), Has.One.Contains("no transaction has drawn"));

    [Test]
    public void ABodyBeforeItsCommitIsUnknown() => Assert.That(UnknownValues(Shop.Commits(5, 5, [Stock(2)]).Reads(1, 5, Body(stock: 2))), Has.One.Contains("after this"));

    [Test]
    public void TheAbsenceOfAProductThatWasAlwaysThereIsUnknown() => Assert.That(UnknownValues(Shop.ReadsAbsence(1)), Has.One.Contains("never absent"));

    [Test]
    public void ACategoryMayChangeBeforeAndAfterItsExpansion() => Assert.That(
        UnknownValues(Shop.Commits(1, 0, [OfCategory(2)]).Reads(2, 0, Body()).Reads(3, 0, Body(category: 2)).Expands(4, 5).Reads(5, 5, Body(category: 2))), Is.Empty);

    [Test]
    public void ACategoryOfBeforeUnderTheVersionOfItsExpansionIsAMixture() => Assert.That(
        UnknownValues(Shop.Commits(1, 0, [OfCategory(2)]).Expands(4, 5).Reads(5, 5, Body())), Has.One.Contains("mixes two snapshots"));

    [Test]
    public void OneHalfOfATransactionIsAMixture() => Assert.That(
        UnknownValues(Shop.Commits(1, 5, [Stock(2), OfCategory(2)]).Reads(1.05, 5, Body(stock: 2)).Reads(1.05, 0, Body(category: 2))),
        Has.Count.EqualTo(2).And.All.Contains("mixes two snapshots"));

    [Test]
    public void ACategoryThatIsNewerThanTheNextVersionIsAMixture() => Assert.That(
        UnknownValues(Shop.Commits(1, 5, [Stock(2)]).Commits(3, 0, [OfCategory(2)]).Reads(4, 0, Body(category: 2))), Has.One.Contains("mixes two snapshots"));

    [Test]
    public void ACategoryBeforeItsCommitIsUnknown() => Assert.That(
        UnknownValues(Shop.Commits(5, 0, [OfCategory(2)]).Reads(1, 0, Body(category: 2))), Has.One.Contains("never had w2 until then"));

    [Test]
    public void NewerAndNewerBodiesDoNotGoBack() => Assert.That(
        WentBack(Shop.Reads(0, 0, Body()).Commits(1, 5, [Stock(2)]).Reads(2, 5, Body(stock: 2)).Commits(3, 0, [OfCategory(2)]).Reads(4, 5, Body(stock: 2, category: 2))
            .Commits(5, 6, [Product(0)]).ReadsAbsence(6).Commits(7, 7, [Product(3)]).Reads(8, 7, Body(write: 3, stock: 0, category: 2))),
        Is.Empty);

    [Test]
    public void AnOlderVersionGoesBack() => Assert.That(
        WentBack(Shop.Commits(1, 5, [Stock(2)]).Reads(2, 5, Body(stock: 2)).Reads(3, 0, Body())), Has.One.Contains("v5 was seen before"));

    [Test]
    public void AnotherClientMaySeeAnOlderVersion() => Assert.That(WentBack(Shop.Commits(1, 5, [Stock(2)]).Reads(2, 5, Body(stock: 2)).Reads(3, 0, Body(), client: 2)), Is.Empty);

    [Test]
    public void AnOlderCategoryUnderTheSameVersionGoesBack() => Assert.That(
        WentBack(Shop.Commits(1, 0, [OfCategory(2)]).Reads(2, 0, Body(category: 2)).Reads(3, 0, Body())), Has.One.Contains("w2 of category 3 was seen before"));

    [Test]
    public void AnOlderPriceUnderTheSameVersionGoesBack() => Assert.That(
        WentBack(Shop.Commits(1, 5, [Price(2, 2, 3)]).Reads(4, 5, Body(price: 2)).Reads(5, 5, Body())), Has.One.Contains("a price that is valid since"));

    [Test]
    public void AnAbsenceWithoutADeletionGoesBack() => Assert.That(
        WentBack(Shop.Commits(1, 5, [Product(0)]).Commits(2, 6, [Product(2)]).Reads(3, 6, Body(write: 2, stock: 0)).ReadsAbsence(4)), Has.One.Contains("has not been absent since"));

    [Test]
    public void APriceIsServedFromItsBeginToItsEnd() => Assert.That(
        BeyondEnd(Shop.Commits(1, 5, [Price(2, 2, 3)]).Reads(2.99, 5, Body()).Reads(2.95, 5, Body(price: 2)).Reads(3, 5, Body(price: 2))), Is.Empty);

    [Test]
    public void APriceBeyondItsEndIsFound() => Assert.That(BeyondEnd(Shop.Commits(1, 5, [Price(2, 2, 3)]).Reads(3, 5, Body())), Has.One.Contains("0.000 ms before the request"));

    [Test]
    public void APriceBeforeItsBeginIsFound() => Assert.That(BeyondEnd(Shop.Commits(1, 5, [Price(2, 2, 3)]).Reads(2.8, 5, Body(price: 2))), Has.One.Contains("begins at"));

    [Test]
    public void NoPriceBeyondTheBeginOfTheFirstOneIsFound() => Assert.That(
        BeyondEnd(Shop.Commits(1, 5, [Price(1, 0, 0), Price(2, 2, 3)]).Reads(2, 5, Body(price: 0)).Reads(4, 5, Body(price: 0))), Has.Count.EqualTo(1));

    [Test]
    public void AFreshReadShowsAllCommitsBeforeIt() => Assert.That(
        NotFresh(Shop.Commits(1, 5, [Stock(2)]).Commits(2, 0, [OfCategory(2)]).Reads(3, 5, Body(stock: 2, category: 2), fresh: true).Reads(3, 0, Body())), Is.Empty);

    [Test]
    public void AFreshReadOfAnOlderVersionOrCategoryIsNot()
    {
        Assert.That(NotFresh(Shop.Commits(1, 5, [Stock(2)]).Reads(3, 0, Body(), fresh: true)), Has.One.Contains("replaced 1900 ms before"));
        Assert.That(NotFresh(Shop.Commits(1, 0, [OfCategory(2)]).Reads(3, 0, Body(), fresh: true)), Has.One.Contains("replaced 1900 ms before"));
    }

    [Test]
    public void AChangeThatDrewNoVersionIsFound() => Assert.That(
        Evidence(ShopChecks.WithoutVersion(Shop.Commits(1, 0, [Stock(2), OfCategory(2)]).Timelines)), Has.One.Contains("transaction 1 changed Stock of product 7"));

    [Test]
    public void VersionsThatAreNotDrawnInTurnAreFound() => Assert.That(
        Evidence(ShopChecks.OtherOrder(State(), Shop.Commits(1, 6, [Stock(2)]).Commits(2, 5, [Stock(3)]).Timelines)), Has.One.Contains("v6 was drawn at 1.000 s"));

    [TestCase(5, 2, true)]
    [TestCase(5, 1, false)]
    [TestCase(4, 2, false)]
    public void TheLastVersionIsWhatTheTablesHold(long version, long stock, bool isRight) => Assert.That(
        ShopChecks.OtherOrder(State(stored: new ShopEntry(Id, version, Body(stock: stock), "PostgreSQL")), Shop.Commits(1, 5, [Stock(2)]).Timelines).Any(), Is.Not.EqualTo(isRight));

    [TestCase(5, 2, 0)]
    [TestCase(4, 2, 1)]
    [TestCase(5, 1, 1)]
    public void AnEntryHasVersionAndDocumentOfTheTables(long version, long stock, int differences) => Assert.That(
        Evidence(ShopChecks.CacheDiffers(State(
            stored: new ShopEntry(Id, 5, Body(stock: 2), "PostgreSQL"), cached: new ShopEntry(Id, version, Body(stock: stock), "Redis")))),
        Has.Count.EqualTo(differences));

    [Test]
    public void AVersionWithoutAnEventIsLost()
    {
        var timelines = Shop.Commits(1, 5, [Stock(2)]).Expands(2, 6).Timelines;

        Assert.That(Evidence(ShopChecks.LostEvents(State(new ProductEvent(Id, 6, Deleted: false)), timelines)), Is.Empty);
        Assert.That(Evidence(ShopChecks.LostEvents(State(new ProductEvent(Id, 5, Deleted: false)), timelines)), Has.One.Contains("no event of product 7 v6"));
    }

    [TestCase("40P01", 1)]
    [TestCase("40001", 0)]
    public void ADeadlockAtACommitIsFound(string refusal, int violations) => Assert.That(
        Evidence(ShopChecks.RefusedCommits(Shop.Ends(TransactionOutcome.RolledBack, 1, 0, [Stock(2)], refusal).History)), Has.Count.EqualTo(violations));

    private static List<string> UnknownValues(ShopHistoryBuilder history) => Evidence(ShopChecks.UnknownValues(history.History, history.Timelines));

    private static List<string> WentBack(ShopHistoryBuilder history) => Evidence(ShopChecks.WentBack(history.History, history.Timelines));

    private static List<string> BeyondEnd(ShopHistoryBuilder history) => Evidence(ShopChecks.ServedBeyondEnd(history.History, history.Timelines));

    private static List<string> NotFresh(ShopHistoryBuilder history) => Evidence(ShopChecks.NotFresh(history.History, history.Timelines));

    private static List<string> Evidence(IEnumerable<Violation> violations) => [.. violations.Select(violation => violation.Evidence)];

    private static ShopState State(params ProductEvent[] events) => new(HistoryBuilder.Seconds(20), new Dictionary<long, ShopEntry>(), [], events, [], [], []);

    private static ShopState State(ShopEntry stored, params ShopEntry[] cached) =>
        State() with { Stored = new Dictionary<long, ShopEntry> { [stored.Id] = stored }, Cached = cached };
}
