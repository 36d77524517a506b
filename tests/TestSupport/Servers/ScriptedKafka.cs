using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace ProductCache.TestSupport.Servers;

/// <summary>
/// Brokers of the Kafka in KAFKA_HOME. Three of them keep three copies of each topic and acknowledge with two.
/// </summary>
public sealed class ScriptedKafka : KafkaServer
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);

    private readonly KafkaScript script;
    private readonly int brokers;
    private readonly Lazy<IAdminClient> admin;

    private ScriptedKafka(string home, int brokers)
        : base(brokers == 1 ? $"Kafka of {home}" : $"{brokers} brokers of {home}")
    {
        script = new KafkaScript(home, brokers);
        this.brokers = brokers;
        admin = new Lazy<IAdminClient>(() =>
            new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Bootstrap }).SetLogHandler((_, _) => { }).Build());
    }

    public override string Bootstrap => script.Bootstrap;

    private IEnumerable<int> All => Enumerable.Range(1, brokers);

    public static async Task<ScriptedKafka> LaunchAsync(string home, int brokers)
    {
        var kafka = new ScriptedKafka(home, brokers);
        await kafka.StartAsync();
        return kafka;
    }

    public override Task StartAsync() => script.RunAsync("start", "--brokers", $"{brokers}");

    public override Task StopAsync() => script.RunAsync("stop");

    public override Task KillAsync() => Task.WhenAll(All.Select(KillAsync));

    public override Task PauseAsync() => Task.WhenAll(All.Select(PauseAsync));

    public override Task ResumeAsync() => Task.WhenAll(All.Select(ResumeAsync));

    public override async ValueTask DisposeAsync()
    {
        if (admin.IsValueCreated)
        {
            admin.Value.Dispose();
        }

        await script.RunAsync("destroy");
    }

    public Task KillAsync(int broker) => script.KillAsync(broker);

    public Task PauseAsync(int broker) => script.RunAsync("pause", $"{broker}");

    public Task ResumeAsync(int broker) => script.RunAsync("resume", $"{broker}");

    /// <summary>Stops it in order, if it runs, and starts it.</summary>
    public Task RestartAsync(int broker) => script.RunAsync("restart", $"{broker}");

    /// <summary>The broker that leads the first partition of a topic; null while none does.</summary>
    public Task<int?> LeaderAsync(string topic) => Task.Run(() =>
    {
        var leader = admin.Value.GetMetadata(topic, Timeout).Topics[0].Partitions.Single(partition => partition.PartitionId == 0).Leader;
        return leader > 0 ? leader : (int?)null;
    });

    /// <summary>Gives the first partition of a topic back to the broker that led it in the beginning, where that has caught up.</summary>
    public async Task ElectPreferredLeaderAsync(string topic)
    {
        try
        {
            await admin.Value.ElectLeadersAsync(ElectionType.Preferred, [new TopicPartition(topic, 0)]);
        }
        catch (ElectLeadersException)
        {
            // Not yet, or no longer needed: LeaderAsync tells.
        }
    }
}
