using MassTransit.KafkaIntegration;
using Microsoft.Extensions.Time.Testing;

namespace ProductCache.UnitTests.KafkaRider;

public sealed class RejoinWatchTests
{
    private static readonly TimeSpan RejoinTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    private FakeTimeProvider time = null!;
    private TimeSpan answeringFor;
    private RejoinWatch watch = null!;

    [SetUp]
    public void SetUp()
    {
        time = new FakeTimeProvider();
        answeringFor = TimeSpan.FromHours(1);
        watch = new RejoinWatch(RejoinTimeout, () => answeringFor, time);
    }

    [Test]
    public void AClientThatHasLostNothingIsNeverOverdue()
    {
        time.Advance(TimeSpan.FromDays(1));

        Assert.That(watch.IsOverdue, Is.False);
    }

    [Test]
    public void ALostClientIsOverdueAfterTheTimeoutAndNotBefore()
    {
        watch.Lost();

        time.Advance(RejoinTimeout);
        Assert.That(watch.IsOverdue, Is.False);
        time.Advance(Tick);
        Assert.That(watch.IsOverdue, Is.True);
    }

    [Test]
    public void ANewAssignmentEndsTheWait()
    {
        watch.Lost();
        watch.Assigned();

        time.Advance(RejoinTimeout + Tick);

        Assert.That(watch.IsOverdue, Is.False);
    }

    [Test]
    public void BrokersThatWereSilentMeanwhileGiveTheClientMoreTime()
    {
        watch.Lost();
        time.Advance(RejoinTimeout + Tick);

        answeringFor = RejoinTimeout;
        Assert.That(watch.IsOverdue, Is.False);
        answeringFor = RejoinTimeout + Tick;
        Assert.That(watch.IsOverdue, Is.True);
    }
}
