using System.Text;
using Confluent.Kafka;
using MassTransit;
using ProductCache.TestSupport;

namespace ProductCache.RiderTests.Outages;

/// <summary>
/// A new producer's first record, refused at its first try, while later ones are on their way: as when a topic was just created, or its leader
/// moves. The broker knows nothing of the producer, and takes the later ones without it.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category(TestCategories.Outages)]
public sealed class RefusedRecordTests : IDisposable
{
    private const string Topic = "orders";

    /// <summary>So long that all requests are on their way when the first one is answered.</summary>
    private static readonly TimeSpan RoundTrip = TimeSpan.FromMilliseconds(100);

    private static readonly string[] Ids = ["1", "2", "3"];

    private readonly RefusingKafka kafka = new();

    [SetUp]
    public void RefuseTheFirst()
    {
        kafka.CreateTopic(Topic);
        kafka.AnswerAfter(RoundTrip);
        kafka.RefuseNextProduce(ErrorCode.NotLeaderForPartition);
    }

    public void Dispose() => kafka.Dispose();

    [Test]
    public async Task ItIsTriedAgainBeforeTheyAreSent()
    {
        var failures = await ProduceAsync(new ProducerConfig());

        Assert.That(failures, Is.All.Null);
        Assert.That(Written(), Is.EqualTo(Ids));
    }

    [Test]
    public async Task WithMoreRequestsOnTheirWayItsProduceFails()
    {
        var failures = await ProduceAsync(new ProducerConfig { MaxInFlight = 5 });

        Assert.That(failures[0], Has.Message.Contains("MaxInFlight"));
        Assert.That(failures[1..], Is.All.Null);
        Assert.That(Written(), Is.EqualTo(Ids[1..]), "Confluent's client says that all are.");
    }

    // A request for each record.
    private async Task<Exception?[]> ProduceAsync(ProducerConfig config)
    {
        config.BatchNumMessages = 1;
        await using var bus = await RiderBus.StartAsync(rider =>
        {
            rider.AddProducer<string, Order>(Topic, config);
            rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap));
        });
        Exception?[] failures = [];
        await bus.InScopeAsync<ITopicProducer<string, Order>>(async producer =>
            failures = await Task.WhenAll(Ids.Select(id => FailureOfAsync(producer.Produce(id, new Order { OrderId = id })))));
        return failures;
    }

    private static async Task<Exception?> FailureOfAsync(Task produce)
    {
        try
        {
            await produce;
            return null;
        }
        catch (ProduceException<byte[]?, byte[]?> failure)
        {
            return failure;
        }
    }

    private IEnumerable<string> Written()
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = kafka.Bootstrap, GroupId = "reader" }).Build();
        var partition = new TopicPartition(Topic, 0);
        consumer.Assign(new TopicPartitionOffset(partition, Offset.Beginning));
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        for (var left = consumer.QueryWatermarkOffsets(partition, TimeSpan.FromSeconds(20)).High.Value; left > 0; left--)
        {
            yield return Encoding.UTF8.GetString(consumer.Consume(timeout.Token).Message.Key);
        }
    }
}
