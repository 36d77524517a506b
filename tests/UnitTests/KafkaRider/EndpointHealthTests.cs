using Confluent.Kafka;
using MassTransit;
using MassTransit.KafkaIntegration;
using NSubstitute;

namespace ProductCache.UnitTests.KafkaRider;

public sealed class EndpointHealthTests
{
    private const string Missing = "topic orders does not exist";

    private EndpointHealth health = null!;

    [SetUp]
    public void SetUp()
    {
        health = new EndpointHealth(new TopicEndpointSettings("orders", new ConsumerConfig { GroupId = "shop" }));
        health.Begin();
        health.Assigned();
    }

    [Test]
    public void ABrokerThatDoesNotKnowTheTopicYetIsNotBelieved()
    {
        Assert.That(health.Answered(Missing), Is.False);

        Assert.That(Judged().Status, Is.EqualTo(BusHealthStatus.Healthy));
    }

    [Test]
    public void WhatTwoAnswersAgreeOnIsTold()
    {
        health.Answered("orders[0] has no leader");

        Assert.That(health.Answered(Missing), Is.True);

        Assert.That(Judged().Status, Is.EqualTo(BusHealthStatus.Unhealthy));
        Assert.That(Judged().Description, Is.EqualTo(Missing));
    }

    [Test]
    public void WhatIsToldAgainIsNoNews()
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

        Assert.That(health.Answered(wrong: null), Is.True);

        Assert.That(Judged().Status, Is.EqualTo(BusHealthStatus.Healthy));
        Assert.That(health.Answered(Missing), Is.False);
    }

    private EndpointHealthResult Judged() => health.Judge(EndpointHealthResult.Healthy(Substitute.For<IReceiveEndpoint>(), "ready"));
}
