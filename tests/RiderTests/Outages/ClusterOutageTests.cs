using Confluent.Kafka;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests.Outages;

/// <summary>A minute without any broker, and what came of who was there before and of who came meanwhile.</summary>
[Category(TestCategories.Outages)]
public sealed class ClusterOutageTests
{
    private static readonly TimeSpan HalfOfIt = TimeSpan.FromSeconds(30);

    private ScriptedKafka kafka = null!;
    private ConsumerProcess before = null!;
    private ConsumerProcess meanwhile = null!;
    private IReadOnlyList<string> clientsBefore = null!;

    [OneTimeSetUp]
    public async Task HaveAnOutageAsync()
    {
        kafka = await TestServers.StartKafkaClusterAsync();
        var topic = await TestTopics.CreateAsync(kafka, partitions: 3);
        await TestTopics.ProduceAsync(kafka, topic, Orders(0, 100));
        before = new ConsumerProcess(kafka, topic, "before");

        // A new cluster may move the group to another coordinator, and records are handled at least once.
        await Eventually.TrueAsync(() => before.Handled.Distinct().Count() == 100);
        clientsBefore = before.NativeClients;

        await kafka.KillAsync();
        await Task.Delay(HalfOfIt);
        meanwhile = new ConsumerProcess(kafka, topic, "meanwhile");
        await Task.Delay(HalfOfIt);
        await kafka.StartAsync();
        await TestTopics.ProduceAsync(kafka, topic, Orders(100, 100));
    }

    [OneTimeTearDown]
    public async Task DestroyAllAsync()
    {
        if (before is not null)
        {
            await before.DisposeAsync();
        }

        if (meanwhile is not null)
        {
            await meanwhile.DisposeAsync();
        }

        if (kafka is not null)
        {
            await kafka.DisposeAsync();
        }
    }

    [Test]
    public async Task TheSameClientConsumesOn()
    {
        await Eventually.TrueAsync(() => before.Handled.Distinct().Count() == 200);
        Assert.That(clientsBefore, Is.Not.Empty);
        Assert.That(before.NativeClients, Is.EqualTo(clientsBefore));
    }

    [Test]
    public Task AConsumerThatStartedWithoutBrokersConsumesOnceTheyCome() =>
        Eventually.TrueAsync(() => meanwhile.Handled.Distinct().Count() == 200);

    private static IEnumerable<Message<byte[]?, byte[]?>> Orders(int first, int count) => Records.Orders(Enumerable.Range(first, count).Select(number => $"{number}"));
}
