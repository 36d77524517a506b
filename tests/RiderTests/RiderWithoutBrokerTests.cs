using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.TestSupport;

namespace ProductCache.RiderTests;

/// <summary>A rider whose brokers cannot be reached.</summary>
public sealed class RiderWithoutBrokerTests
{
    [Test]
    public async Task AProduceThatNoBrokerAcknowledgesFails()
    {
        var collection = TestServices.New();
        collection.AddMassTransit(x =>
        {
            x.DisableUsageTelemetry();
            x.UsingInMemory();
            x.AddRider(rider =>
            {
                rider.AddProducer<string, Order>("any");
                rider.UsingKafka((_, k) => k.Host("127.0.0.1:1"));
            });
        });
        await using var services = collection.BuildServiceProvider();
        var bus = services.GetRequiredService<IBusControl>();
        await bus.StartAsync();
        await using var scope = services.CreateAsyncScope();
        var producer = scope.ServiceProvider.GetRequiredService<ITopicProducer<string, Order>>();

        var failure = Assert.ThrowsAsync<ProduceException<byte[]?, byte[]?>>(() => producer.Produce("1", new Order { OrderId = "1" }));
        Assert.That(failure!.Error.Code, Is.EqualTo(ErrorCode.Local_MsgTimedOut));
        await bus.StopAsync();
    }
}
