using MassTransit.KafkaIntegration;

namespace ProductCache.UnitTests.KafkaRider;

public sealed class BackPressureTests
{
    private const int Capacity = 4;
    private const int ResumeAt = 2;
    private const int MessageLimit = 10;

    private InFlightCounter inFlight = null!;
    private BackPressure backPressure = null!;

    [SetUp]
    public void SetUp()
    {
        inFlight = new InFlightCounter(Capacity, ResumeAt);
        backPressure = new BackPressure(inFlight, MessageLimit, TimeSpan.Zero);
    }

    [Test]
    public void WhileThereIsRoomNothingIsPausedOrResumed()
    {
        Add(Capacity - 1);

        Assert.That(Next(), Is.EqualTo((false, false)));
    }

    [Test]
    public void AtTheCapacityThePartitionsArePausedOnce()
    {
        Add(Capacity);

        Assert.That(Next(), Is.EqualTo((false, true)));
        Assert.That(backPressure.IsPaused, Is.True);
        Assert.That(Next(), Is.EqualTo((false, false)));
    }

    [Test]
    public void APauseEndsWhenHalfOfTheRoomIsFreeAndNotBefore()
    {
        Add(Capacity);
        Next();

        Remove(1);
        Assert.That(Next(), Is.EqualTo((false, false)));
        Remove(1);
        Assert.That(Next(), Is.EqualTo((true, false)));
        Assert.That(backPressure.IsPaused, Is.False);
    }

    [Test]
    public void RoomThatIsFreedWithinTheDelayAvoidsThePause()
    {
        backPressure = new BackPressure(inFlight, MessageLimit, TimeSpan.FromSeconds(20));
        Add(Capacity);

        var freed = Task.Run(() => Remove(Capacity - ResumeAt));

        Assert.That(Next(), Is.EqualTo((false, false)));
        Assert.That(() => freed, Throws.Nothing);
    }

    [Test]
    public void AStopEndsTheWaitForRoom()
    {
        backPressure = new BackPressure(inFlight, MessageLimit, Timeout.InfiniteTimeSpan);
        Add(Capacity);

        Assert.That(() => backPressure.TryPause(new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void APartitionReadTooFarAheadIsPausedUntilItsFirstRecordIsDone()
    {
        var checkpoint = Checkpoint();
        Read(checkpoint, MessageLimit);
        Assert.That(Next(), Is.EqualTo((false, true)));
        Assert.That(Next(), Is.EqualTo((false, false)));

        checkpoint.TryStart(0);
        checkpoint.Done(0);

        Assert.That(Next(), Is.EqualTo((true, false)));
    }

    [Test]
    public void ARevokedPartitionIsNotTooFarAhead()
    {
        var checkpoint = Checkpoint();
        Read(checkpoint, MessageLimit);

        checkpoint.Revoke();

        Assert.That(Next(), Is.EqualTo((false, false)));
    }

    [Test]
    public void ANewAssignmentDuringAPauseResumesAndPausesAllPartitions()
    {
        Add(Capacity);
        Next();

        backPressure.Reassigned();

        Assert.That(Next(), Is.EqualTo((true, true)));
        Assert.That(Next(), Is.EqualTo((false, false)));
    }

    [Test]
    public void ANewAssignmentOutsideAPauseChangesNothing()
    {
        backPressure.Reassigned();
        Assert.That(Next(), Is.EqualTo((false, false)));

        Add(Capacity);

        Assert.That(Next(), Is.EqualTo((false, true)));
        Assert.That(Next(), Is.EqualTo((false, false)));
    }

    private static Checkpoint Checkpoint() => new(TimeProvider.System, (_, _, _) => { });

    private (bool Resume, bool Pause) Next() => (backPressure.TryResume(), backPressure.TryPause(CancellationToken.None));

    private void Read(Checkpoint checkpoint, int records)
    {
        for (var offset = 0; offset < records; offset++)
        {
            backPressure.Read(checkpoint, checkpoint.Begin(offset));
        }
    }

    private void Add(int items)
    {
        for (var i = 0; i < items; i++)
        {
            inFlight.Add();
        }
    }

    private void Remove(int items)
    {
        for (var i = 0; i < items; i++)
        {
            inFlight.Remove();
        }
    }
}
