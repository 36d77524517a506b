using Confluent.Kafka;
using MassTransit;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>The steps of docs/coming-from-the-package.md, with a member of ours that is configured as the package is.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ComingFromThePackageTests
{
    private const int Partitions = 8;

    private readonly string group = $"group-{Guid.NewGuid():N}";
    private KafkaServer kafka = null!;
    private string topic = null!;

    [SetUp]
    public async Task CreateTopicAsync()
    {
        kafka = await SharedServers.Kafka;
        kafka.RequireReal();
        topic = await TestTopics.CreateAsync(kafka, Partitions);
    }

    [Test]
    public async Task AGroupRollsWithTheAssignorOfThePackageAndNoRecordIsLostOrRepeated()
    {
        var (before, during, after) = (Ids("before"), Ids("during"), Ids("after"));
        await using var old = await RiderApplication.StartAsync(kafka, topic, group, configure: AsThePackage);
        await old.ProduceAsync(before);
        await Eventually.TrueAsync(() => old.Handled.Count == before.Length);

        await using var next = await RiderApplication.StartAsync(kafka, topic, group, configure: AsThePackage);
        await next.ProduceAsync(during);
        await Eventually.TrueAsync(() => old.Handled.Count + next.Handled.Count == before.Length + during.Length);
        Assert.That(next.Handled, Is.Not.Empty);

        // A handler that still runs when its partition moves is a record that is handled again: the rider delivers at least once.
        await old.StopAsync();
        await TestTopics.AssignedAsync(kafka, group, members: 1, Partitions);
        await next.ProduceAsync(after);
        await TestTopics.NothingIsLeftAsync(kafka, topic, group);
        await Eventually.TrueAsync(() => after.All(next.Handled.Contains));
        Assert.That(old.Handled.Concat(next.Handled), Is.EquivalentTo(before.Concat(during).Concat(after)));
    }

    [Test]
    public async Task AGroupWithBothAssignorsIsNotReadyUntilTheOldMemberStops()
    {
        await using var old = await RiderApplication.StartAsync(kafka, topic, group, configure: AsThePackage);
        await using var next = new RiderBus(rider => rider.UsingKafka((_, k) =>
        {
            k.Host(kafka.Bootstrap);
            k.TopicEndpoint<string, Order>(topic, RiderApplication.Config(group), e => e.Handler<Order>(_ => Task.CompletedTask));
        }));
        var starting = next.StartAsync();

        await Eventually.TrueAsync(() => next.Health(topic).Description?.Contains("nconsistent group protocol", StringComparison.OrdinalIgnoreCase) == true);
        Assert.That(starting.IsCompleted, Is.False);

        await old.StopAsync();
        await starting;
        Assert.That(next.Health(topic).Status, Is.EqualTo(BusHealthStatus.Healthy));
    }

    [Test]
    public async Task ProducersWithThePartitionerOfThePackageKeepThePartitionOfEachKey()
    {
        await using var bus = await RiderBus.StartAsync(rider =>
        {
            rider.AddProducer<string, Order>(topic, (_, producer) => producer.Partitioner = Partitioner.ConsistentRandom);
            rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap));
        });
        string[] keys = [.. Enumerable.Range(0, 64).Select(i => $"key-{i}")];
        await bus.InScopeAsync<ITopicProducer<string, Order>>(producer =>
            Task.WhenAll(keys.Select(key => producer.Produce(key, new Order { OrderId = "of the rider" }))));
        await bus.InScopeAsync<ITopicProducerProvider>(producers =>
            Task.WhenAll(keys.Select(key => producers.GetProducer<string, Order>(new Uri($"topic:{topic}")).Produce(key, new Order { OrderId = "by murmur2" }))));

        // The package leaves the partitioner to librdkafka, as this producer does.
        await TestTopics.ProduceAsync(kafka, topic, keys.Select(key => Records.Of(key, "of the package")));

        var read = await TestTopics.ReadAsync(kafka, topic, 3 * keys.Length);
        var (rider, murmur2, package) = (Of("of the rider"), Of("by murmur2"), Of("of the package"));
        Assert.That(rider, Is.EqualTo(package));
        Assert.That(murmur2, Is.Not.EqualTo(package));
        TestContext.Out.WriteLine($"murmur2 keeps {murmur2.Count(key => package[key.Key] == key.Value)} of {keys.Length} keys of {Partitions} partitions");

        Dictionary<string, int> Of(string producer) => read
            .Where(record => System.Text.Encoding.UTF8.GetString(record.Message.Value!).Contains(producer, StringComparison.Ordinal))
            .ToDictionary(record => record.Key()!, record => record.Partition.Value);
    }

    private static string[] Ids(string name) => [.. Enumerable.Range(0, 300).Select(i => $"{name}-{i}")];

    private static void AsThePackage(IKafkaTopicReceiveEndpointConfigurator<string, Order> endpoint) =>
        endpoint.PartitionAssignmentStrategy = PartitionAssignmentStrategy.Range;
}
