using Confluent.Kafka;
using MassTransit;

namespace ProductCache.RiderTests;

/// <summary>A rider whose brokers cannot be reached.</summary>
public sealed class RiderWithoutBrokerTests
{
    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(30);

    [Test]
    public async Task AProduceThatNoBrokerAcknowledgesFails()
    {
        await using var bus = await RiderBus.StartAsync(rider =>
        {
            rider.AddProducer<string, Order>("any", new ProducerConfig { MessageTimeoutMs = 3_000 });
            rider.UsingKafka((_, k) => k.Host("127.0.0.1:1"));
        });

        var failure = Assert.ThrowsAsync<ProduceException<byte[]?, byte[]?>>(() =>
            bus.InScopeAsync<ITopicProducer<string, Order>>(producer => producer.Produce("1", new Order { OrderId = "1" })));

        Assert.That(failure!.Error.Code, Is.EqualTo(ErrorCode.Local_MsgTimedOut));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task AProduceEndsWithTheBus(bool mayBeCancelled)
    {
        using var cancellation = new CancellationTokenSource();
        await using var bus = await ProducingBusAsync();
        await bus.InScopeAsync<ITopicProducer<string, Order>>(async producer =>
        {
            var produce = producer.Produce("1", new Order { OrderId = "1" }, mayBeCancelled ? cancellation.Token : CancellationToken.None);

            await bus.StopAsync();

            var failure = Assert.ThrowsAsync<ProduceException<byte[]?, byte[]?>>(() => produce.WaitAsync(WaitTimeout));
            Assert.That(failure!.Error.Code, Is.EqualTo(ErrorCode.Local_PurgeQueue));
            Assert.That(failure.DeliveryResult.Status, Is.EqualTo(PersistenceStatus.PossiblyPersisted));
        });
    }

    [Test]
    public async Task AProduceThatItsCallerGivesUpIsCancelled()
    {
        using var cancellation = new CancellationTokenSource();
        await using var bus = await ProducingBusAsync();
        await bus.InScopeAsync<ITopicProducer<string, Order>>(async producer =>
        {
            var produce = producer.Produce("1", new Order { OrderId = "1" }, cancellation.Token);

            await cancellation.CancelAsync();

            Assert.That(() => produce.WaitAsync(WaitTimeout), Throws.InstanceOf<OperationCanceledException>());
        });
    }

    [Test]
    public async Task AStartThatIsGivenUpEnds()
    {
        await using var bus = new RiderBus(rider => rider.UsingKafka((_, k) =>
        {
            k.Host("127.0.0.1:1");
            k.TopicEndpoint<string, Order>("any", "group", endpoint => endpoint.Handler<Order>(_ => Task.CompletedTask));
        }));

        Assert.That(() => bus.StartAsync(TimeSpan.FromSeconds(1)), Throws.InstanceOf<OperationCanceledException>());
    }

    private static Task<RiderBus> ProducingBusAsync() => RiderBus.StartAsync(rider =>
    {
        rider.AddProducer<string, Order>("any");
        rider.UsingKafka((_, k) => k.Host("127.0.0.1:1"));
    });
}
