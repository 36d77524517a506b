using ProductCache.Application;

namespace ProductCache.UnitTests.Application;

public sealed class OutboxPositionTests
{
    private OutboxPosition position = null!;

    [SetUp]
    public void SetUp() => position = new OutboxPosition();

    [Test]
    public void RowsThatWereReadArePassedAndTheFloorStaysBelowATransactionThatRuns()
    {
        position.Advance(Page([3, 5], oldest: 90, next: 101));
        position.Advance(Page([6], oldest: 100, next: 110));

        Assert.That(position.Floor, Is.Zero);
        Assert.That(position.Passed, Is.EquivalentTo(new long[] { 3, 5, 6 }));
    }

    [Test]
    public void TheFloorRisesOnceAllTransactionsOfTheReadHaveEnded()
    {
        position.Advance(Page([3, 5], oldest: 90, next: 101));
        position.Advance(Page([4, 6], oldest: 101, next: 110));

        Assert.That(position.Floor, Is.EqualTo(5));
        Assert.That(position.Passed, Is.EqualTo(new long[] { 6 }));
    }

    // A full page may end before a row that has been committed meanwhile.
    [Test]
    public void AFullPageRaisesTheFloorOnlyIfItReachesTheRow()
    {
        position.Advance(Page([9], oldest: 90, next: 101));
        position.Advance(Page([3, 4], oldest: 101, next: 110, hasMore: true));
        Assert.That(position.Floor, Is.Zero);

        position.Advance(Page([5, 10], oldest: 111, next: 112, hasMore: true));
        Assert.That(position.Floor, Is.EqualTo(9));
    }

    [Test]
    public void AnEmptyPageRaisesTheFloor()
    {
        position.Advance(Page([9], oldest: 90, next: 101));
        position.Advance(Page([], oldest: 101, next: 101));

        Assert.That(position.Floor, Is.EqualTo(9));
        Assert.That(position.Passed, Is.Empty);
    }

    [Test]
    public void NoMoreRowsAreRememberedThanTheLimit()
    {
        for (var row = 1; row <= OutboxPosition.MaxPassed + 1; row++)
        {
            position.Advance(Page([row], oldest: 1, next: 1_000_000));
        }

        Assert.That(position.Passed, Is.Empty);
        Assert.That(position.Floor, Is.EqualTo(OutboxPosition.MaxPassed + 1));
    }

    [Test]
    public void RowsOfAnotherServerAreReadFromTheBeginning()
    {
        Assert.That(position.BeginAt("one"), Is.True);
        position.Advance(Page([3, 5], oldest: 90, next: 101));
        position.Advance(Page([7], oldest: 101, next: 102));

        Assert.That(position.BeginAt("one"), Is.False);
        Assert.That(position.Floor, Is.EqualTo(5));
        Assert.That(position.BeginAt("other"), Is.True);
        Assert.That((position.Floor, position.Passed.Count), Is.EqualTo((0L, 0)));
    }

    private static OutboxPage Page(long[] rows, long oldest, long next, bool hasMore = false) => new(rows, [], hasMore, oldest, next);
}
