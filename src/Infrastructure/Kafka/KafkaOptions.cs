using Confluent.Kafka;
using ProductCache.Contracts;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>
/// KAFKA_BOOTSTRAP, KAFKA_GROUP, KAFKA_CREATE_TOPICS, KAFKA_PARTITIONS, KAFKA_REPLICATION, KAFKA_FETCH_WAIT_MS, CACHE_NAMESPACE, and those of
/// <see cref="KafkaSecurity"/>.
/// </summary>
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

    /// <summary>In front of the names of topics and groups; empty: none.</summary>
    public string Prefix { get; init; } = string.Empty;

    public required KafkaSecurity Security { get; init; }

    /// <summary>The topics of this deployment, dead-letter topics included.</summary>
    public IEnumerable<string> AllTopics => Topics.All.Select(TopicOf);

    /// <summary>The name of a topic of the contracts in this deployment.</summary>
    public string TopicOf(string topic) => Prefix + topic;

    public ClientConfig CreateClientConfig()
    {
        var config = new ClientConfig { BootstrapServers = Bootstrap };
        Security.Apply(config);
        return config;
    }

    public static KafkaOptions Read(Settings settings)
    {
        var prefix = CacheNamespace.Read(settings) is { Length: > 0 } name ? $"{name}." : string.Empty;
        return ReadParts(settings, prefix) with { Prefix = prefix };
    }

    private static KafkaOptions ReadParts(Settings settings, string prefix) => new(
        settings.Addresses("KAFKA_BOOTSTRAP"),
        prefix + settings.Text("KAFKA_GROUP", "product-cache-worker"),
        settings.Flag("KAFKA_CREATE_TOPICS", true),
        settings.Number("KAFKA_PARTITIONS", 8, 1, 1_000),
        (short)settings.Number("KAFKA_REPLICATION", BrokerDefault, 1, 100),
        TimeSpan.FromMilliseconds(settings.Number("KAFKA_FETCH_WAIT_MS", 500, 1, 10_000)))
    {
        Security = KafkaSecurity.Read(settings),
    };
}
