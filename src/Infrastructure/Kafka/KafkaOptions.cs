using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>KAFKA_BOOTSTRAP, KAFKA_GROUP, KAFKA_CREATE_TOPICS, KAFKA_PARTITIONS, KAFKA_REPLICATION, KAFKA_FETCH_WAIT_MS.</summary>
/// <param name="Bootstrap">Brokers to ask first.</param>
/// <param name="Group">The consumer group that the Workers form.</param>
/// <param name="CreateTopics">Whether missing topics are created at start.</param>
/// <param name="Partitions">Of topics that are created: how many Workers can share the load.</param>
/// <param name="Replication">Of topics that are created; -1: as the brokers are configured.</param>
/// <param name="FetchWait">How long a broker may hold a fetch that has nothing to return.</param>
public sealed record KafkaOptions(string Bootstrap, string Group, bool CreateTopics, int Partitions, short Replication, TimeSpan FetchWait)
{
    private const short BrokersChoice = -1;

    /// <summary>For the acknowledgement of a request, as seen by the reader who missed.</summary>
    public static readonly TimeSpan ProduceTimeout = TimeSpan.FromMilliseconds(250);

    /// <summary>The same before the first one in the life of a process, which has the way there compiled and connected.</summary>
    public static readonly TimeSpan FirstProduceTimeout = TimeSpan.FromMilliseconds(700);

    /// <summary>For any request, while the brokers acknowledge others.</summary>
    public static readonly TimeSpan ProduceLimit = TimeSpan.FromSeconds(5);

    /// <summary>For the acknowledgement of a batch of changes; then the relay tries the batch again.</summary>
    public static readonly TimeSpan RelayTimeout = TimeSpan.FromSeconds(5);

    /// <summary>After a Worker was killed, its partitions go to another one this much later.</summary>
    public static readonly TimeSpan SessionTimeout = TimeSpan.FromSeconds(6);

    public static KafkaOptions Read(Settings settings) => new(
        settings.Addresses("KAFKA_BOOTSTRAP"),
        settings.Text("KAFKA_GROUP", "product-cache-worker"),
        settings.Flag("KAFKA_CREATE_TOPICS", true),
        settings.Number("KAFKA_PARTITIONS", 8, 1, 1_000),
        (short)settings.Number("KAFKA_REPLICATION", BrokersChoice, 1, 100),
        TimeSpan.FromMilliseconds(settings.Number("KAFKA_FETCH_WAIT_MS", 500, 1, 10_000)));
}
