using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>KAFKA_BOOTSTRAP, KAFKA_GROUP, KAFKA_CREATE_TOPICS, KAFKA_PARTITIONS, KAFKA_REPLICATION, KAFKA_FETCH_WAIT_MS.</summary>
/// <param name="Bootstrap">The brokers for the first connection.</param>
/// <param name="Group">The consumer group that the Workers form.</param>
/// <param name="CreateTopics">Whether missing topics are created at start.</param>
/// <param name="Partitions">Partitions of topics that are created: the number of Workers that can share the load.</param>
/// <param name="Replication">Replication factor of topics that are created; -1: the default of the brokers.</param>
/// <param name="FetchWait">How long a broker may hold an empty fetch.</param>
public sealed record KafkaOptions(string Bootstrap, string Group, bool CreateTopics, int Partitions, short Replication, TimeSpan FetchWait)
{
    private const short BrokerDefault = -1;

    /// <summary>The timeout for the acknowledgement of a fill request.</summary>
    public static readonly TimeSpan ProduceTimeout = TimeSpan.FromMilliseconds(250);

    /// <summary>The timeout for the first acknowledgement in the life of a process, which includes connecting and compilation.</summary>
    public static readonly TimeSpan FirstProduceTimeout = TimeSpan.FromMilliseconds(700);

    /// <summary>The limit of any request while the brokers acknowledge others.</summary>
    public static readonly TimeSpan ProduceLimit = TimeSpan.FromSeconds(5);

    /// <summary>The timeout for the acknowledgement of a batch of changes. Afterwards the relay retries the batch.</summary>
    public static readonly TimeSpan RelayTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The time after which the partitions of a killed Worker move to another one.</summary>
    public static readonly TimeSpan SessionTimeout = TimeSpan.FromSeconds(6);

    public static KafkaOptions Read(Settings settings) => new(
        settings.Addresses("KAFKA_BOOTSTRAP"),
        settings.Text("KAFKA_GROUP", "product-cache-worker"),
        settings.Flag("KAFKA_CREATE_TOPICS", true),
        settings.Number("KAFKA_PARTITIONS", 8, 1, 1_000),
        (short)settings.Number("KAFKA_REPLICATION", BrokerDefault, 1, 100),
        TimeSpan.FromMilliseconds(settings.Number("KAFKA_FETCH_WAIT_MS", 500, 1, 10_000)));
}
