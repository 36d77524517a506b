using Confluent.Kafka;
using MassTransit;
using MassTransit.KafkaIntegration;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;

namespace ProductCache.UnitTests.KafkaRider;

public sealed class EndpointHealthTests
{
    private const string Missing = "topic orders does not exist";
    private const string Denied = "READ on topic orders is not granted";

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);
    private static readonly TopicPartitionOffset At = new("orders", 1, 7);

    private FakeTimeProvider time = null!;
    private EndpointHealth health = null!;

    /// <summary>Each row: the events of a healthy endpoint, the time that passes after them, and what the health check reports.</summary>
    public static IEnumerable<TestCaseData> Judgements()
    {
        var (healthy, degraded, unhealthy) = (BusHealthStatus.Healthy, BusHealthStatus.Degraded, BusHealthStatus.Unhealthy);
        yield return Row("nothing has happened", _ => { }, TimeSpan.Zero, healthy, "ready");
        yield return Row("the brokers are silent up to the limit", _ => { }, EndpointHealthState.SilenceLimit, healthy, "ready");
        yield return Row("the brokers are silent beyond the limit", _ => { }, EndpointHealthState.SilenceLimit + Tick, unhealthy, "no broker answers");
        yield return Row(
            "the silence has a known reason",
            health => health.Failed(ErrorCode.Local_AllBrokersDown, "all are down"),
            EndpointHealthState.SilenceLimit + Tick,
            unhealthy,
            "no broker answers (all are down)");
        yield return Row("an error that the client recovers from", health => health.Failed(ErrorCode.Local_Transport, "gone"), Tick, healthy, "ready");
        yield return Row("one answer reports trouble", health => health.Answered(Missing), Tick, healthy, "ready");
        yield return Row(
            "two answers agree",
            health =>
            {
                health.Answered("orders[0] has no leader");
                health.Answered(Missing);
            },
            Tick,
            unhealthy,
            Missing);
        yield return Row(
            "a good answer after trouble",
            health =>
            {
                health.Answered(Missing);
                health.Answered(Missing);
                health.Answered(trouble: null);
            },
            Tick,
            healthy,
            "ready");
        yield return Row("a grant is missing", health => health.Denied(Denied), Tick, unhealthy, Denied);
        yield return Row(
            "a missing grant goes before trouble",
            health =>
            {
                health.Denied(Denied);
                health.Answered(Missing);
                health.Answered(Missing);
            },
            Tick,
            unhealthy,
            Denied);
        yield return Row(
            "records arrive after a denial",
            health =>
            {
                health.Denied(Denied);
                health.Received();
            },
            Tick,
            healthy,
            "ready");
        yield return Row("the assignment is lost", health => health.Lost(), Tick, unhealthy, "group shop has assigned no partitions");
        yield return Row(
            "the assignment is lost after an error",
            health =>
            {
                health.Failed(ErrorCode.Local_Transport, "gone");
                health.Lost();
            },
            Tick,
            unhealthy,
            "group shop has assigned no partitions (gone)");
        yield return Row(
            "the assignment is back",
            health =>
            {
                health.Lost();
                health.Assigned();
            },
            Tick,
            healthy,
            "ready");
        yield return Row("a partition has stopped", Stop, Tick, degraded, "orders[1] has stopped at offset 7: why");
        yield return Row(
            "a stopped partition has another owner",
            health =>
            {
                Stop(health);
                health.Released(At.TopicPartition);
            },
            Tick,
            healthy,
            "ready");
        yield return Row(
            "another session starts",
            health =>
            {
                Stop(health);
                health.Denied(Denied);
                health.Begin();
                health.Assigned();
            },
            Tick,
            healthy,
            "ready");

        static void Stop(EndpointHealth health) => health.Stopped(At, new InvalidOperationException("why"));

        static TestCaseData Row(string name, Action<EndpointHealth> events, TimeSpan passed, BusHealthStatus status, string description) =>
            new TestCaseData(events, passed, status, description).SetArgDisplayNames(name);
    }

    [SetUp]
    public void SetUp()
    {
        time = new FakeTimeProvider();
        health = new EndpointHealth("shop", time);
        health.Begin();
        health.Assigned();
    }

    [TestCaseSource(nameof(Judgements))]
    public void TheHealthCheckReportsWhatTheEndpointKnows(Delegate events, TimeSpan passed, BusHealthStatus status, string description)
    {
        ((Action<EndpointHealth>)events)(health);
        time.Advance(passed);

        Assert.That(Judged().Status, Is.EqualTo(status));
        Assert.That(Judged().Description, Is.EqualTo(description));
    }

    [Test]
    public void BeforeTheFirstSessionNoPartitionsAreAssignedAndTheBrokersAreNotBlamed()
    {
        health = new EndpointHealth("shop", time);

        Assert.That(Judged().Description, Is.EqualTo("group shop has assigned no partitions"));
    }

    [Test]
    public void AFailureThatCoreKnowsOfIsNotHiddenByAStoppedPartition()
    {
        health.Stopped(At, new InvalidOperationException("why"));

        var core = EndpointHealthResult.Unhealthy(Substitute.For<IReceiveEndpoint>(), "faulted", new TimeoutException());
        Assert.That(health.Judge(core), Is.EqualTo(core));
    }

    [Test]
    public void ABrokerThatDoesNotKnowTheTopicYetIsNotBelieved()
    {
        Assert.That(health.Answered(Missing), Is.False);

        Assert.That(Judged().Status, Is.EqualTo(BusHealthStatus.Healthy));
    }

    [Test]
    public void TroubleThatTwoAnswersAgreeOnIsReported()
    {
        health.Answered("orders[0] has no leader");

        Assert.That(health.Answered(Missing), Is.True);

        Assert.That(Judged().Status, Is.EqualTo(BusHealthStatus.Unhealthy));
        Assert.That(Judged().Description, Is.EqualTo(Missing));
    }

    [Test]
    public void TroubleThatIsReportedAgainIsNoNews()
    {
        health.Answered(Missing);
        health.Answered(Missing);

        Assert.That(health.Answered(Missing), Is.False);
    }

    [Test]
    public void OneGoodAnswerIsEnough()
    {
        health.Answered(Missing);
        health.Answered(Missing);

        Assert.That(health.Answered(trouble: null), Is.True);

        Assert.That(Judged().Status, Is.EqualTo(BusHealthStatus.Healthy));
        Assert.That(health.Answered(Missing), Is.False);
    }

    [Test]
    public void AnErrorIsNewsOnceUntilTheBrokersAnswerAgainOrAssignPartitions()
    {
        Assert.That(health.Failed(ErrorCode.Local_Transport, "gone"), Is.True);
        Assert.That(health.Failed(ErrorCode.Local_Transport, "gone"), Is.False);
        health.Answered(trouble: null);
        Assert.That(health.Failed(ErrorCode.Local_Transport, "gone"), Is.False);

        time.Advance(EndpointHealthState.SilenceLimit + Tick);
        health.Answered(trouble: null);
        Assert.That(health.Failed(ErrorCode.Local_Transport, "gone"), Is.True);

        health.Assigned();
        Assert.That(health.Failed(ErrorCode.Local_Transport, "gone"), Is.True);
    }

    [Test]
    public void TheTimeThatBrokersHaveAnsweredBeginsAnewAfterASilence()
    {
        time.Advance(EndpointHealthState.SilenceLimit);
        health.Answered(trouble: null);
        Assert.That(health.AnsweringFor, Is.EqualTo(EndpointHealthState.SilenceLimit));

        time.Advance(EndpointHealthState.SilenceLimit + Tick);
        Assert.That(health.AnsweringFor, Is.EqualTo(TimeSpan.Zero));
        health.Answered(trouble: null);
        time.Advance(Tick);
        Assert.That(health.AnsweringFor, Is.EqualTo(Tick));
    }

    private EndpointHealthResult Judged() => health.Judge(EndpointHealthResult.Healthy(Substitute.For<IReceiveEndpoint>(), "ready"));
}
