using Confluent.Kafka;

namespace ProductCache.Standalone;

/// <summary>
/// The mock cluster of librdkafka: one broker inside this process that speaks the protocol of Kafka to any client on this machine. It keeps
/// only the newest records, in memory. It supports no TLS, no ACLs and no requests to create topics; the topics that are named at the
/// start have four partitions each.
/// </summary>
public sealed class EmbeddedKafka : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private readonly IProducer<Null, Null> owner;

    public EmbeddedKafka(params IEnumerable<string> topics)
    {
        var config = new ProducerConfig { BootstrapServers = "embedded" };
        config.Set("test.mock.num.brokers", "1");
        owner = new ProducerBuilder<Null, Null>(config).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        using var client = new DependentAdminClientBuilder(owner.Handle).Build();
        var broker = client.GetMetadata(Timeout).Brokers[0];
        Bootstrap = $"{broker.Host}:{broker.Port}";

        // A topic is created when a producer requests its metadata. Consumers of a missing topic would have to wait.
        foreach (var topic in topics)
        {
            client.GetMetadata(topic, Timeout);
        }
    }

    public string Bootstrap { get; }

    /// <summary>
    /// The settings that clients require: the broker does not end a held fetch when records arrive, and it does not answer requests to
    /// create topics.
    /// </summary>
    public static IReadOnlyDictionary<string, string> ClientSettings { get; } = new Dictionary<string, string>
    {
        ["KAFKA_FETCH_WAIT_MS"] = "5",
        ["KAFKA_CREATE_TOPICS"] = "false",
    };

    public void Dispose() => owner.Dispose();
}
