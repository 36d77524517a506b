using System.Diagnostics.Metrics;
using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>What becomes of partitions that leave a member and come back.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RiderRebalanceTests
{
    private const int Prefetch = 10;

    private readonly string group = $"group-{Guid.NewGuid():N}";
    private readonly TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private KafkaServer kafka = null!;
    private string topic = null!;

    [SetUp]
    public async Task CreateTopicAsync()
    {
        kafka = await SharedServers.Kafka;
        kafka.RequireReal();
        topic = await TestTopics.CreateAsync(kafka, partitions: 2);
    }

    [Test]
    public async Task APartitionThatLeftAPausedMemberIsReadWhenItComesBack()
    {
        await using var staying = await StartHeldAsync(endpoint => endpoint.PrefetchCount = Prefetch);
        await ProduceToBothAsync(0, 2 * Prefetch);

        await ComeAndLeaveAsync(async coming =>
        {
            // By then the other one has been full for seconds: it is paused.
            await Eventually.TrueAsync(() => coming.Handled.Count >= 2 * Prefetch);
            gate.SetResult();
            await TestTopics.NothingIsLeftAsync(kafka, topic, group);
        });
        var later = await ProduceToBothAsync(100, Prefetch / 4);

        await Eventually.TrueAsync(() => later.All(staying.Handled.Contains));
    }

    [Test]
    public async Task WhereToBeginHoldsUntilSomethingIsCommitted()
    {
        var ids = await ProduceToBothAsync(0, 3);
        await CommitEndsAsync();
        await using var staying = await StartHeldAsync(endpoint => endpoint.Offset = 0);

        await ComeAndLeaveAsync(coming => AssignedAsync(2));
        await AssignedAsync(1);
        gate.SetResult();

        await Eventually.TrueAsync(() => !ids.Except(staying.Handled).Any());
    }

    [Test]
    public async Task ARecordThatFailsWhileItsPartitionGoesIsTheNextOwners()
    {
        var ids = await ProduceToBothAsync(0, 1);
        using var listener = OnRevoked(() => gate.TrySetException(new InvalidOperationException("Not this one.")));
        await using var staying = await StartHeldAsync(endpoint =>
        {
            endpoint.ConcurrentMessageLimit = 2;
            endpoint.DeadLetterTopic = null;
        });
        var health = staying.Services.GetRequiredService<IBusControl>();

        await using var coming = await RiderApplication.StartAsync(kafka, topic, group);

        await Eventually.TrueAsync(() => ids.Any(coming.Handled.Contains));
        await Eventually.TrueAsync(() => health.CheckHealth().Endpoints.Values.Any(endpoint => endpoint.Status == BusHealthStatus.Degraded));
        var standing = health.CheckHealth().Endpoints.Values.Single(endpoint => endpoint.Status == BusHealthStatus.Degraded);
        Assert.That(standing.Description, Does.Not.Contain(";"), "one partition, which it kept");
    }

    private MeterListener OnRevoked(Action act)
    {
        var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Name == "kafka_rider.rebalances")
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
        {
            if (tags.ToArray().Any(tag => Equals(tag.Value, group)) && tags.ToArray().Any(tag => Equals(tag.Value, "revoked")))
            {
                act();
            }
        });
        listener.Start();
        return listener;
    }

    private Task<RiderApplication> StartHeldAsync(Action<IKafkaTopicReceiveEndpointConfigurator<string, Order>> configure) =>
        RiderApplication.StartAsync(kafka, topic, group, _ => gate.Task, configure);

    private async Task ComeAndLeaveAsync(Func<RiderApplication, Task> meanwhile)
    {
        await using var coming = await RiderApplication.StartAsync(kafka, topic, group);
        await meanwhile(coming);
    }

    /// <summary>So many records to each partition.</summary>
    private async Task<IReadOnlyList<string>> ProduceToBothAsync(int first, int count)
    {
        using var producer = TestTopics.Producer(kafka);
        List<string> ids = [];
        for (var partition = 0; partition < 2; partition++)
        {
            for (var number = first; number < first + count; number++)
            {
                ids.Add($"{partition}-{number}");
                await producer.ProduceAsync(new TopicPartition(topic, partition), Records.Order(ids[^1], ids[^1]));
            }
        }

        return ids;
    }

    private async Task CommitEndsAsync()
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.Bootstrap }).Build();
        await admin.AlterConsumerGroupOffsetsAsync(
            [new ConsumerGroupTopicPartitionOffsets(group, [new TopicPartitionOffset(topic, 0, 3), new TopicPartitionOffset(topic, 1, 3)])]);
    }

    /// <summary>So many members have their partitions.</summary>
    private Task AssignedAsync(int members) => TestTopics.AssignedAsync(kafka, group, members, partitions: 2);
}
