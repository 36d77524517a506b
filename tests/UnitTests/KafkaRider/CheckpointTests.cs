using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using Microsoft.Extensions.Time.Testing;

namespace ProductCache.UnitTests.KafkaRider;

public sealed class CheckpointTests
{
    private readonly List<(TopicPartitionOffset At, string Reason)> stops = [];
    private readonly FakeTimeProvider time = new();
    private Checkpoint checkpoint = null!;

    [SetUp]
    public void SetUp()
    {
        stops.Clear();
        checkpoint = new Checkpoint(time, (_, at, reason) => stops.Add((at, reason.Message)));
    }

    [Test]
    public void NothingSeenIsNothingToCommit() => Assert.That(Committable(), Is.Null);

    [Test]
    public void ARecordInFlightIsNotCommitted()
    {
        checkpoint.Begin(0);

        Assert.That(Committable(), Is.Null);
    }

    [Test]
    public void WhenAllIsDoneTheOffsetAfterTheHighestSeenIsCommitted()
    {
        Begin(5, 6, 7);
        Done(5, 6, 7);

        Assert.That(Committable(), Is.EqualTo(8));
    }

    [Test]
    public void TheLowestRecordInFlightIsTheLimitInWhateverOrderOthersEnd()
    {
        Begin(5, 6, 7, 8);

        Done(7, 8);
        Assert.That(Committable(), Is.EqualTo(5), "the place where the next owner begins");
        Done(5);
        Assert.That(Committable(), Is.EqualTo(6));
        Done(6);
        Assert.That(Committable(), Is.EqualTo(9));
    }

    [Test]
    public void GapsBetweenOffsetsDoNoHarm()
    {
        Begin(10, 25, 1_000_000_000_000);

        Done(10);
        Assert.That(Committable(), Is.EqualTo(25));
        Done(25);
        Assert.That(Committable(), Is.EqualTo(1_000_000_000_000));
        Done(1_000_000_000_000);
        Assert.That(Committable(), Is.EqualTo(1_000_000_000_001));
    }

    [Test]
    public void NothingIsCommittedTwice()
    {
        Begin(5);
        Done(5);
        checkpoint.Committed(6);

        Assert.That(Committable(), Is.Null);
        Begin(6);
        Assert.That(Committable(), Is.Null);
        Done(6);
        Assert.That(Committable(), Is.EqualTo(7));
    }

    [Test]
    public void WhatIsDoneDuringACommitIsCommittedByTheNext()
    {
        Begin(5, 6);
        Done(5);
        var committing = Committable();
        Done(6);
        checkpoint.Committed(committing!.Value);

        Assert.That(Committable(), Is.EqualTo(7));
    }

    [Test]
    public void ItNeverMovesBack()
    {
        Begin(5, 6);
        Done(5, 6);
        checkpoint.Committed(7);

        checkpoint.Committed(3);
        Assert.That(Committable(), Is.Null);

        // Delivered once more: behind what is committed.
        Begin(5);
        Assert.That(Committable(), Is.Null);
        Done(5);
        Assert.That(Committable(), Is.Null);
    }

    [Test]
    public void AnAbandonedRecordHoldsBackEverythingFromItOn()
    {
        Begin(5, 6, 7);
        Done(5);
        checkpoint.Abandon(6);
        Done(7);
        Assert.That(Committable(), Is.EqualTo(6));

        checkpoint.Committed(6);
        Begin(8);
        Done(8);
        Assert.That(Committable(), Is.Null);
    }

    [Test]
    public void TheFirstOfSeveralAbandonedRecordsIsTheLimit()
    {
        Begin(5, 6, 7, 8);
        checkpoint.Abandon(7);
        checkpoint.Abandon(6);
        Done(8);

        Assert.That(Committable(), Is.EqualTo(5));
        Done(5);
        Assert.That(Committable(), Is.EqualTo(6));
    }

    [Test]
    public void ItCountsWhatIsDoneSinceTheLastCommit()
    {
        Begin(1, 2, 3);

        Assert.That(checkpoint.Done(1), Is.EqualTo(1));
        Assert.That(checkpoint.Done(2), Is.EqualTo(2));
        Assert.That(Committable(), Is.EqualTo(3));
        checkpoint.Committed(3);
        Assert.That(checkpoint.Done(3), Is.EqualTo(1));
    }

    [Test]
    public void WhatIsDoneWhileACommitIsOnItsWayCountsForTheNextOne()
    {
        Begin(1, 2, 3);
        Done(1);
        Assert.That(Committable(), Is.EqualTo(2));

        Done(2);
        checkpoint.Committed(2);

        Assert.That(checkpoint.Done(3), Is.EqualTo(2));
    }

    [Test]
    public void OnlyWhatHasStartedAndNotEndedIsRunning()
    {
        checkpoint.Begin(4);
        Begin(1, 2, 3);
        Assert.That(checkpoint.Running, Is.EqualTo(3));

        Done(1);
        checkpoint.Abandon(2);

        Assert.That(checkpoint.Running, Is.EqualTo(1));
    }

    [Test]
    public void OnceRevokedNothingStartsAndWhatHadNotIsLeftToTheNextOwner()
    {
        Begin(5);
        checkpoint.Begin(6);
        Assert.That(checkpoint.IsRevoked, Is.False);

        checkpoint.Revoke();

        Assert.That(checkpoint.IsRevoked, Is.True);
        Assert.That(checkpoint.TryStart(6), Is.False);
        Assert.That(checkpoint.Running, Is.EqualTo(1));
        Done(5);
        Assert.That(Committable(), Is.EqualTo(6));
    }

    [Test]
    public void APartitionThatHasStoppedIsNotCommittedBeyondItsRecord()
    {
        var at = new TopicPartitionOffset("orders", 0, 6);
        Begin(5, 6);
        checkpoint.StopAt(at, new InvalidOperationException("why"));
        Done(5, 6);

        Assert.That(Committable(), Is.EqualTo(6));
        Assert.That(checkpoint.TryStart(7), Is.False);
        Assert.That(stops, Is.EqualTo(new[] { (at, "why") }));
    }

    [Test]
    public void TheAgeOfWhatIsNotCommittedIsThatOfTheFirstRecordDoneSinceTheLastCommit()
    {
        Begin(1, 2);
        Assert.That(checkpoint.CommitAge, Is.EqualTo(TimeSpan.Zero));

        Done(1);
        time.Advance(TimeSpan.FromSeconds(2));
        Done(2);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(checkpoint.CommitAge, Is.EqualTo(TimeSpan.FromSeconds(3)));

        checkpoint.Committed(Committable()!.Value);
        Assert.That(checkpoint.CommitAge, Is.EqualTo(TimeSpan.Zero));
    }

    [Test]
    public void WhatItSaysHoldsWhileManyRecordsEndSideBySide()
    {
        const int records = 20_000;
        Begin([.. Enumerable.Range(0, records).Select(offset => (long)offset)]);
        var done = new bool[records];
        var wrong = 0;

        Parallel.For(0, records, offset =>
        {
            Volatile.Write(ref done[offset], true);
            checkpoint.Done(offset);
            if (Committable() is { } committable && (committable > records || !Volatile.Read(ref done[committable - 1])))
            {
                Interlocked.Increment(ref wrong);
            }
        });

        Assert.That(wrong, Is.Zero);
        Assert.That(Committable(), Is.EqualTo(records));
    }

    private void Begin(params long[] offsets) => Array.ForEach(offsets, offset =>
    {
        checkpoint.Begin(offset);
        checkpoint.TryStart(offset);
    });

    private void Done(params long[] offsets) => Array.ForEach(offsets, offset => checkpoint.Done(offset));

    private long? Committable() => checkpoint.TryGetCommittable(out var offset) ? offset : null;
}
