using Microsoft.Extensions.Time.Testing;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.UnitTests.Infrastructure;

public sealed class NotificationSequenceTests
{
    private FakeTimeProvider time = null!;
    private NotificationSequence sequence = null!;

    [SetUp]
    public void SetUp()
    {
        time = new FakeTimeProvider();
        sequence = new NotificationSequence(time);
    }

    [TestCase(1)]
    [TestCase(7)]
    public void TheFirstMessageFollowsNothing(long number) => Assert.That(IsNext(number), Is.False);

    [Test]
    public void TheNextMessageFollows()
    {
        IsNext(7);

        Assert.That(IsNext(8), Is.True);
        Assert.That(IsNext(9), Is.True);
    }

    [TestCase(9)]
    [TestCase(7)]
    [TestCase(6)]
    [TestCase(1)]
    public void AnotherNumberDoesNotFollow(long number)
    {
        IsNext(7);

        Assert.That(IsNext(number), Is.False);
    }

    [Test]
    public void TheMessageAfterAGapFollows()
    {
        IsNext(7);
        IsNext(9);

        Assert.That(IsNext(10), Is.True);
    }

    [TestCase(8)]
    [TestCase(1)]
    public void AnotherEpochDoesNotFollowWhateverItsNumber(long number)
    {
        IsNext(7);

        Assert.That(IsNext(number, "another"), Is.False);
        Assert.That(IsNext(number + 1, "another"), Is.True);
    }

    [Test]
    public void WithoutAMessageAllIsSilent() => Assert.That(sequence.IsSilent(time.GetTimestamp()), Is.True);

    [Test]
    public void AMessageEndsTheSilenceForAWhile()
    {
        IsNext(7);
        Assert.That(sequence.IsSilent(time.GetTimestamp()), Is.False);

        time.Advance(NotificationSequence.MaxSilence);
        Assert.That(sequence.IsSilent(time.GetTimestamp()), Is.False);

        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(sequence.IsSilent(time.GetTimestamp()), Is.True);
    }

    [Test]
    public void TheMessageAfterASilenceDoesNotFollow()
    {
        IsNext(7);
        time.Advance(NotificationSequence.MaxSilence + TimeSpan.FromMilliseconds(1));

        Assert.That(IsNext(8), Is.False);
        Assert.That(IsNext(9), Is.True);
    }

    [Test]
    public void WhatIsForgottenIsSilentAndItsNextMessageCountsAsTheFirst()
    {
        IsNext(7);

        sequence.Reset();

        Assert.That(sequence.IsSilent(time.GetTimestamp()), Is.True);
        Assert.That(IsNext(8), Is.False);
        Assert.That(sequence.IsSilent(time.GetTimestamp()), Is.False);
    }

    private bool IsNext(long number, string epoch = "epoch") => sequence.IsNext(new CacheNotification(epoch, number, NotificationKind.Heartbeat, []));
}
