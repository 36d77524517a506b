using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests.Outages;

/// <summary>
/// One broker of three goes away while records flow. One test at a time, since two outages at once would be another one; the
/// longest comes last, while <see cref="ClusterOutageTests"/> starts its brokers and the processors are busy.
/// </summary>
[Parallelizable(ParallelScope.Self)]
[Category(TestCategories.Outages)]
public sealed class BrokerOutageTests
{
    private const int Partitions = 3;

    private ScriptedKafka kafka = null!;

    [OneTimeSetUp]
    public async Task StartBrokersAsync() => kafka = await TestServers.StartKafkaClusterAsync();

    [TearDown]
    public async Task LeaveAllBrokersRunningAsync()
    {
        if (TestContext.CurrentContext.Result.Outcome.Status == NUnit.Framework.Interfaces.TestStatus.Failed)
        {
            await kafka.StartAsync();
        }
    }

    [OneTimeTearDown]
    public async Task DestroyBrokersAsync() => await (kafka?.DisposeAsync() ?? ValueTask.CompletedTask);

    [Test, Order(1)]
    public async Task WhenTheLeaderIsKilledEveryProduceSucceedsAndAllIsConsumed()
    {
        var (topic, group) = (await TestTopics.CreateAsync(kafka, Partitions), $"group-{Guid.NewGuid():N}");
        await using var application = await RiderApplication.StartAsync(kafka, topic, group);
        await using var traffic = new Traffic(application);
        await MoreIsHandledAsync(application);

        var leader = await LeaderAsync(topic);
        await kafka.KillAsync(leader);
        await Eventually.TrueAsync(async () => await kafka.LeaderAsync(topic) is { } next && next != leader);
        await MoreIsHandledAsync(application);
        await kafka.RestartAsync(leader);
        await MoreIsHandledAsync(application);

        await AllIsHandledAsync(application, topic, group, await traffic.EndAsync());
    }

    [Test, Order(2)]
    public async Task WhenTheLeaderMovesAllIsConsumed()
    {
        var (topic, group) = (await TestTopics.CreateAsync(kafka, Partitions), $"group-{Guid.NewGuid():N}");
        await using var application = await RiderApplication.StartAsync(kafka, topic, group);
        await using var traffic = new Traffic(application, insists: true);
        await MoreIsHandledAsync(application);

        var leader = await LeaderAsync(topic);
        await kafka.RestartAsync(leader);
        Assert.That(await LeaderAsync(topic), Is.Not.EqualTo(leader));
        await MoreIsHandledAsync(application);
        await Eventually.TrueAsync(async () =>
        {
            await kafka.ElectPreferredLeaderAsync(topic);
            return await kafka.LeaderAsync(topic) == leader;
        });
        await MoreIsHandledAsync(application);

        await AllIsHandledAsync(application, topic, group, await traffic.EndAsync());
    }

    [Test, Order(3)]
    public async Task WhenTheLeaderHangsForHalfAMinuteAllIsConsumed()
    {
        var (topic, group) = (await TestTopics.CreateAsync(kafka, Partitions), $"group-{Guid.NewGuid():N}");
        await using var application = await RiderApplication.StartAsync(kafka, topic, group);
        await using var traffic = new Traffic(application, insists: true);
        await MoreIsHandledAsync(application);

        var leader = await LeaderAsync(topic);
        await kafka.PauseAsync(leader);
        await Task.Delay(TimeSpan.FromSeconds(30));
        await kafka.ResumeAsync(leader);
        await MoreIsHandledAsync(application);

        await AllIsHandledAsync(application, topic, group, await traffic.EndAsync());
    }

    private static Task MoreIsHandledAsync(RiderApplication application)
    {
        var goal = application.Handled.Count + 100;
        return Eventually.TrueAsync(() => application.Handled.Count >= goal, "more records handled");
    }

    private async Task AllIsHandledAsync(RiderApplication application, string topic, string group, IReadOnlyList<string> ids)
    {
        await TestTopics.NothingIsLeftAsync(kafka, topic, group);
        Assert.That(application.Handled.Distinct(), Is.EquivalentTo(ids));
    }

    private async Task<int> LeaderAsync(string topic)
    {
        int? leader = null;
        await Eventually.TrueAsync(async () => (leader = await kafka.LeaderAsync(topic)) is not null, "a leader");
        return leader!.Value;
    }
}
