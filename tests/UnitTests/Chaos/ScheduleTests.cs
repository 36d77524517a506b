using ProductCache.Chaos;

namespace ProductCache.UnitTests.Chaos;

public sealed class ScheduleTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(20);

    [Test]
    public void TheSameSeedGivesTheSameSchedule()
    {
        var (one, other) = (Schedule.Of(7, Long, withKafka: true), Schedule.Of(7, Long, withKafka: true));

        Assert.That(one.Faults, Is.EqualTo(other.Faults));
        Assert.That(one.TruncateAt, Is.EqualTo(other.TruncateAt));
    }

    [Test]
    public void AnotherSeedGivesAnotherSchedule() =>
        Assert.That(Schedule.Of(7, Minute, withKafka: true).Faults, Is.Not.EqualTo(Schedule.Of(8, Minute, withKafka: true).Faults));

    [Test]
    public void FaultsDoNotOverlapAndEndInTime([Range(1, 20)] int seed)
    {
        var schedule = Schedule.Of(seed, Long, withKafka: true);

        foreach (var (fault, next) in schedule.Faults.Zip(schedule.Faults.Skip(1)))
        {
            Assert.That(next.At, Is.GreaterThan(fault.At + fault.Hold + Schedule.Aftermath(fault)));
        }

        Assert.That(schedule.Faults[^1].At + schedule.Faults[^1].Hold, Is.LessThanOrEqualTo(Long));
        Assert.That(schedule.TruncateAt ?? Minute, Is.LessThan(Long));
    }

    [Test]
    public void ALongRunHasEveryFault()
    {
        var faults = Schedule.Of(7, Long, withKafka: true).Faults;

        foreach (var target in Enum.GetValues<Target>())
        {
            Assert.That(faults, Has.Some.Matches<PlannedFault>(fault => fault.Target == target && fault.Kind == FaultKind.Kill));
            Assert.That(faults, Has.Some.Matches<PlannedFault>(fault => fault.Target == target && fault.Kind == FaultKind.Pause));
        }

        Assert.That(faults.Select(fault => fault.Kind).Distinct(), Is.EquivalentTo(Enum.GetValues<FaultKind>()));
    }

    [Test]
    public void AShortRunHasNoLongOutage() => Assert.That(
        Enumerable.Range(1, 20).SelectMany(seed => Schedule.Of(seed, 4 * Minute, withKafka: true).Faults),
        Has.None.Matches<PlannedFault>(fault => fault.Kind == FaultKind.Outage));

    [Test]
    public void WithoutABrokerOfItsOwnNothingHappensToKafka() =>
        Assert.That(Schedule.Of(7, Long, withKafka: false).Faults, Has.None.Matches<PlannedFault>(fault => fault.Target == Target.Kafka));

    [Test]
    public void SomeSeedsTruncateTheTableAndMostDoNot()
    {
        var truncating = Enumerable.Range(1, 100).Count(seed => Schedule.Of(seed, Minute, withKafka: true).TruncateAt is not null);

        Assert.That(truncating, Is.InRange(5, 50));
    }
}
