using System.Diagnostics;
using Confluent.Kafka;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests.Outages;

/// <summary>Members of a group that come, go and are killed.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category(TestCategories.Outages)]
public sealed class MemberTests
{
    private const int Partitions = 3;

    private readonly string group = $"group-{Guid.NewGuid():N}";
    private KafkaServer kafka = null!;

    [SetUp]
    public async Task FindKafkaAsync()
    {
        kafka = await SharedServers.Kafka;
        kafka.RequireReal();
    }

    [Test]
    public async Task AMemberThatComesAndGoesEveryThreeSecondsForAMinuteLosesNothing()
    {
        var topic = await TestTopics.CreateAsync(kafka, Partitions);
        await using var staying = await RiderApplication.StartAsync(kafka, topic, group);
        await using var traffic = new Traffic(staying);
        List<string> handledByOthers = [];

        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < TimeSpan.FromMinutes(1);)
        {
            await using (var another = await RiderApplication.StartAsync(kafka, topic, group))
            {
                await Task.Delay(TimeSpan.FromSeconds(3));
                await another.StopAsync();
                handledByOthers.AddRange(another.Handled);
            }

            await Task.Delay(TimeSpan.FromSeconds(3));
        }

        var ids = await traffic.EndAsync();
        await TestTopics.NothingIsLeftAsync(kafka, topic, group);
        Assert.That(handledByOthers, Is.Not.Empty);
        Assert.That((await TestTopics.ReadAllAsync(kafka, $"{topic}.dead-letter")).Select(letter => letter.Header("dead-letter-reason")), Is.Empty);
        Assert.That(staying.Handled.Concat(handledByOthers).Distinct(), Is.EquivalentTo(ids));
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.Bootstrap }).Build();
        var described = (await admin.DescribeConsumerGroupsAsync([group])).ConsumerGroupDescriptions[0];
        Assert.That(described.State, Is.EqualTo(ConsumerGroupState.Stable));
        Assert.That(described.Members, Has.Count.EqualTo(1));
        Assert.That(described.Members[0].Assignment.TopicPartitions, Has.Count.EqualTo(Partitions));
    }

    [Test]
    public async Task OfAProcessThatIsKilledAllIsDeliveredAndNoMoreThanACheckpointAgain()
    {
        var topic = await TestTopics.CreateAsync(kafka, Partitions);
        string[] ids = [.. Enumerable.Range(0, 300).Select(number => $"{number}")];
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders(ids));
        await using var killed = new ConsumerProcess(kafka, topic, group, hangAt: "150");

        await Eventually.TrueAsync(() => killed.Hangs);
        await Eventually.TrueAsync(async () =>
        {
            var committed = await TestTopics.CommittedByPartitionAsync(kafka, topic, group);
            return killed.Handled.CountBy(order => order.Partition).All(partition => partition.Value - committed[partition.Key] < ConsumerProcess.Checkpoint);
        });
        await killed.KillAsync();
        await using var next = new ConsumerProcess(kafka, topic, group);
        await Eventually.TrueAsync(() => !ids.Except(killed.Handled.Concat(next.Handled).Select(order => order.Id)).Any());
        await next.StopAsync();

        var again = killed.Handled.Concat(next.Handled).GroupBy(order => order.Id).Where(order => order.Count() > 1).ToList();
        Assert.That(again.Select(order => order.Count()), Is.All.EqualTo(2));
        Assert.That(again.CountBy(order => order.First().Partition).Select(partition => partition.Value), Is.All.AtMost(ConsumerProcess.Checkpoint));
    }

    [Test]
    public async Task OfAProcessThatIsAskedToEndAllIsDeliveredOnce()
    {
        var topic = await TestTopics.CreateAsync(kafka, Partitions);
        string[] ids = [.. Enumerable.Range(0, 300).Select(number => $"{number}")];
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders(ids));
        // Slow enough to have records left when it is asked, also where this process has to wait for a processor.
        await using var ended = new ConsumerProcess(kafka, topic, group, milliseconds: 200);
        await Eventually.TrueAsync(() => ended.Handled.Count > 50);
        await ended.StopAsync();
        Assert.That(ended.Handled, Has.Count.LessThan(ids.Length), "It had records left.");

        await using var next = new ConsumerProcess(kafka, topic, group);
        await Eventually.TrueAsync(() => ended.Handled.Count + next.Handled.Count >= ids.Length);
        await next.StopAsync();

        Assert.That(ended.Handled.Concat(next.Handled).Select(order => order.Id), Is.EquivalentTo(ids));
        Assert.That(await TestTopics.CommittedAsync(kafka, topic, group), Is.EqualTo(ids.Length));
    }
}
