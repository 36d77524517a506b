using Confluent.Kafka;
using MassTransit;

namespace ProductCache.RiderTests;

/// <summary>A rider whose brokers cannot be reached.</summary>
public sealed class RiderWithoutBrokerTests
{
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
}
