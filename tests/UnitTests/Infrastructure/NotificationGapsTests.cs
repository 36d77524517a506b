using Microsoft.Extensions.Time.Testing;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.UnitTests.Infrastructure;

public sealed class NotificationGapsTests
{
    private FakeTimeProvider time = null!;
    private NotificationGaps gaps = null!;

    [SetUp]
    public void SetUp()
    {
        time = new FakeTimeProvider();
        gaps = new NotificationGaps(time);
    }

    [TestCase(1)]
    [TestCase(7)]
    public void TheFirstMessageFollowsNothing(long number) => Assert.That(Follows(number), Is.False);

    [Test]
    public void TheNextMessageFollows()
    {
        Follows(7);

        Assert.That(Follows(8), Is.True);
        Assert.That(Follows(9), Is.True);
    }

    [TestCase(9)]
    [TestCase(7)]
    [TestCase(6)]
    [TestCase(1)]
    public void AnotherNumberDoesNotFollow(long number)
    {
        Follows(7);

        Assert.That(Follows(number), Is.False);
    }

    [Test]
    public void TheMessageAfterAGapFollows()
    {
        Follows(7);
        Follows(9);

        Assert.That(Follows(10), Is.True);
    }

    [TestCase(8)]
    [TestCase(1)]
    public void AnotherEpochDoesNotFollowWhateverItsNumber(long number)
    {
        Follows(7);

        Assert.That(Follows(number, "another"), Is.False);
        Assert.That(Follows(number + 1, "another"), Is.True);
    }

    [Test]
    public void WithoutAMessageAllIsSilent() => Assert.That(gaps.IsSilent(time.GetTimestamp()), Is.True);

    [Test]
    public void AMessageEndsTheSilenceForAWhile()
    {
        Follows(7);
        Assert.That(gaps.IsSilent(time.GetTimestamp()), Is.False);

        time.Advance(NotificationGaps.MaxSilence);
        Assert.That(gaps.IsSilent(time.GetTimestamp()), Is.False);

        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(gaps.IsSilent(time.GetTimestamp()), Is.True);
    }

    [Test]
    public void TheMessageAfterASilenceDoesNotFollow()
    {
        Follows(7);
        time.Advance(NotificationGaps.MaxSilence + TimeSpan.FromMilliseconds(1));

        Assert.That(Follows(8), Is.False);
        Assert.That(Follows(9), Is.True);
    }

    [Test]
    public void WhatIsForgottenIsSilentAndItsNextMessageCountsAsTheFirst()
    {
        Follows(7);

        gaps.Forget();

        Assert.That(gaps.IsSilent(time.GetTimestamp()), Is.True);
        Assert.That(Follows(8), Is.False);
        Assert.That(gaps.IsSilent(time.GetTimestamp()), Is.False);
    }

    private bool Follows(long number, string epoch = "epoch") => gaps.Follows(new CacheNotification(epoch, number, NotificationKind.Heartbeat, []));
}
