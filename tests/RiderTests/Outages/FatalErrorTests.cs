using Confluent.Kafka;
using MassTransit;
using ProductCache.TestSupport;

namespace ProductCache.RiderTests.Outages;

/// <summary>A broker's answer after which the native producer is of no use, while another broker has not answered yet.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category(TestCategories.Outages)]
public sealed class FatalErrorTests : IDisposable
{
    private const string Topic = "orders";
    private const int RefusedBy = 0;
    private const int Slow = 1;

    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(30);

    private readonly RefusingKafka kafka = new(brokers: 2);

    public void Dispose() => kafka.Dispose();

    /// <summary>Sooner and later than the client waits for it.</summary>
    [TestCase(4, false)]
    [TestCase(20, true)]
    public async Task WhatIsOnItsWayIsWaitedForAndThenEndsAndTheNextProduceHasANewClient(int seconds, bool isTooLate)
    {
        kafka.CreateTopic(Topic);
        await using var bus = await RiderBus.StartAsync(rider =>
        {
            // With it any refusal is fatal.
            rider.AddProducer<string, Order>(Topic, new ProducerConfig { EnableGaplessGuarantee = true });
            rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap));
        });
        await bus.InScopeAsync<ITopicProducer<string, Order>>(async producer =>
        {
            Task ProduceAsync(int partition) => producer
                .Produce("k", new Order { OrderId = "1" }, Pipe.Execute<KafkaSendContext<string, Order>>(context => context.Partition = partition))
                .WaitAsync(WaitTimeout);

            // Once the slow broker is connected, what is produced to it is sent before the other one has answered.
            await ProduceAsync(Slow);
            kafka.AnswerAfter(TimeSpan.FromSeconds(seconds), broker: 2);

            // Long enough for a busy machine to send the record: a fatal error removes what was not sent.
            kafka.AnswerAfter(TimeSpan.FromSeconds(1), broker: 1);
            var slow = ProduceAsync(Slow);
            await ProduceAsync(RefusedBy);

            kafka.RefuseNextProduce(ErrorCode.InvalidRecord);
            Assert.That(() => ProduceAsync(RefusedBy), Throws.InstanceOf<KafkaException>());

            Assert.That(() => slow, isTooLate ? Throws.InstanceOf<ProduceException<byte[]?, byte[]?>>() : Throws.Nothing);
            await ProduceAsync(RefusedBy);
        });
    }
}
