using Confluent.Kafka;

namespace ProductCache.Standalone;

/// <summary>
/// The mock cluster that comes with librdkafka: one broker inside this process that speaks Kafka's protocol to any
/// client on this machine. It keeps records in memory and only the newest ones, and knows no TLS, no ACLs, no
/// creation of topics by request; the ones named at the start have four partitions each.
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

        // A topic appears when a producer asks for it; consumers of a missing one would have to wait.
        foreach (var topic in topics)
        {
            client.GetMetadata(topic, Timeout);
        }
    }

    public string Bootstrap { get; }

    /// <summary>
    /// What its clients have to set: its long poll does not wake on new records, so a fetch must not be held, and it
    /// does not answer a request to create topics.
    /// </summary>
    public static IReadOnlyDictionary<string, string> ClientSettings { get; } = new Dictionary<string, string>
    {
        ["KAFKA_FETCH_WAIT_MS"] = "5",
        ["KAFKA_CREATE_TOPICS"] = "false",
    };

    public void Dispose() => owner.Dispose();
}
