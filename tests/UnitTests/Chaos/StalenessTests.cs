using ProductCache.Chaos;

namespace ProductCache.UnitTests.Chaos;

public sealed class StalenessTests
{
    [Test]
    public void TheNewestVersionIsNotStale() => Assert.That(OfLastRead(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).Reads(2, 5)), Is.Zero);

    [Test]
    public void AVersionIsStaleSinceTheFirstNewerOneWasCommitted() =>
        Assert.That(OfLastRead(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).Updates(3, 3).Reads(1, 5)), Is.EqualTo(3.9).Within(1e-6));

    [Test]
    public void AVersionIsNotStaleWhileTheNextOneIsBeingCommitted() =>
        Assert.That(OfLastRead(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).Reads(1, 1.05)), Is.Zero);

    [Test]
    public void ADeletedProductIsStale() => Assert.That(OfLastRead(new HistoryBuilder().Inserts(1, -1).Deletes(1, 1).Reads(1, 2)), Is.EqualTo(0.9).Within(1e-6));

    [Test]
    public void AnAbsenceIsStaleSinceTheInsert() => Assert.That(OfLastRead(new HistoryBuilder().Inserts(1, 1).ReadsAbsence(2)), Is.EqualTo(0.9).Within(1e-6));

    [Test]
    public void AnAbsenceIsThatOfTheLastDeletion() =>
        Assert.That(OfLastRead(new HistoryBuilder().Inserts(1, -1).Deletes(1, 1).Inserts(2, 2).Deletes(2, 3).ReadsAbsence(4)), Is.Zero);

    [Test]
    public void AProductThatNeverWasIsNotStale() => Assert.That(OfLastRead(new HistoryBuilder().ReadsAbsence(4)), Is.Zero);

    [Test]
    public void AReadCountsForTheFaultInWhoseTimeItBegan()
    {
        var history = new HistoryBuilder().Inserts(1, -1).Suffers(FaultKind.Kill, Target.Redis, 10, 12)
            .Reads(1, 9).Reads(1, 11).Reads(1, 13).Reads(1, 30);

        var groups = Staleness.ByFault(history.History, history.Timelines).Select(group => (group.Name, group.Sorted.Length));

        Assert.That(groups, Is.EqualTo(new[] { ("calm", 2), ("kill redis", 2) }));
    }

    private static double OfLastRead(HistoryBuilder history)
    {
        var read = history.History.Reads[^1];
        return Staleness.Of(read, history.Timelines.Of(read.Id)).TotalSeconds;
    }
}
