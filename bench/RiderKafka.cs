using System.Globalization;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using MassTransit.Serialization;
using ProductCache.Standalone;
using Headers = Confluent.Kafka.Headers;

namespace ProductCache.Bench;

/// <summary>As JSON, with MassTransit's options: <see cref="Size"/> bytes.</summary>
public sealed record Parcel
{
    public const int Size = 200;

    public required long Id { get; init; }

    public required string Name { get; init; }

    public required decimal Price { get; init; }

    public required string Description { get; init; }

    public static Parcel Create(int number)
    {
        var parcel = new Parcel { Id = 1_000_000 + number, Name = "Product", Price = 9.99m, Description = "" };
        return parcel with { Description = new string('x', Size - parcel.ToJson().Length) };
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, SystemTextJsonMessageSerializer.Options);
}

/// <summary>The Kafka of KAFKA_BOOTSTRAP, or an embedded one, with topics that end with the bench, and Confluent's clients with the settings of the rider's.</summary>
internal sealed class RiderKafka : IAsyncDisposable
{
    /// <summary>Of the keys that a bench produces to.</summary>
    private const int Keys = 10_000;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);
    private static readonly byte[] ContentType = "application/json"u8.ToArray();
    private static readonly byte[] Source = "loopback://localhost/"u8.ToArray();
    private static readonly byte[] Destination = "loopback://localhost/kafka/bench"u8.ToArray();

    private readonly EmbeddedKafka? embedded = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KAFKA_BOOTSTRAP")) ? new EmbeddedKafka() : null;
    private readonly List<string> topics = [];

    public bool IsReal => embedded is null;

    public string Name => IsReal ? "Kafka" : "embedded Kafka (librdkafka's mock cluster, in this process)";

    public string Bootstrap => embedded?.Bootstrap ?? Environment.GetEnvironmentVariable("KAFKA_BOOTSTRAP")!;

    public static string KeyOf(int number) => (number % Keys).ToString(CultureInfo.InvariantCulture);

    /// <summary>The mock cluster gives four partitions, whatever is asked.</summary>
    public async Task<string> CreateTopicAsync(int partitions)
    {
        var topic = $"bench-{Guid.NewGuid():N}";
        if (embedded is not null)
        {
            using var producer = Producer(Serializers.ByteArray, Serializers.ByteArray);
            using var client = new DependentAdminClientBuilder(producer.Handle).Build();
            client.GetMetadata(topic, Timeout);
            return topic;
        }

        using var admin = Admin();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = partitions, ReplicationFactor = 1 }]);
        topics.Add(topic);
        return topic;
    }

    /// <summary>A topic with so many records, the same number in each of its first partitions.</summary>
    public async Task<string> CreateBacklogAsync(int partitions, int count)
    {
        var topic = await CreateTopicAsync(partitions);
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = Bootstrap, LingerMs = 20, Acks = Acks.Leader }).Build();
        for (var number = 0; number < count; number++)
        {
            var message = new Message<byte[], byte[]>
            {
                Key = Encoding.UTF8.GetBytes(KeyOf(number)),
                Value = Parcel.Create(number).ToJson(),
                Headers = NewHeaders(),
            };
            while (!TryProduce(producer, new TopicPartition(topic, number % partitions), message))
            {
                await Task.Delay(1);
            }
        }

        producer.Flush();
        return topic;
    }

    /// <summary>As the rider's own producer, save for the number of requests on their way to a broker where that is said.</summary>
    public IProducer<TKey, TValue> Producer<TKey, TValue>(ISerializer<TKey> key, ISerializer<TValue> value, int maxInFlight = 1) =>
        new ProducerBuilder<TKey, TValue>(new ProducerConfig
        {
            BootstrapServers = Bootstrap,
            EnableIdempotence = true,
            Acks = Acks.All,
            MaxInFlight = maxInFlight,
            LingerMs = 0,
            Partitioner = Partitioner.Murmur2Random,
        }).SetKeySerializer(key).SetValueSerializer(value).SetLogHandler((_, _) => { }).Build();

    public IConsumer<string, Parcel> Consumer() =>
        new ConsumerBuilder<string, Parcel>(ConsumerConfig()).SetValueDeserializer(Json.Instance).Build();

    public ConsumerConfig ConsumerConfig() => new()
    {
        BootstrapServers = Bootstrap,
        GroupId = $"bench-{Guid.NewGuid():N}",
        AutoOffsetReset = AutoOffsetReset.Earliest,
        PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky,

        // The long poll of the mock cluster does not wake on new records.
        FetchWaitMaxMs = IsReal ? 500 : 5,
    };

    /// <summary>The same ones as the rider writes.</summary>
    public static Headers NewHeaders() => new()
    {
        { "MessageId", NewId() },
        { "ConversationId", NewId() },
        { "SourceAddress", Source },
        { "DestinationAddress", Destination },
        { "Content-Type", ContentType },
    };

    public async ValueTask DisposeAsync()
    {
        if (topics.Count > 0)
        {
            using var admin = Admin();
            await admin.DeleteTopicsAsync(topics);
        }

        embedded?.Dispose();
    }

    private static byte[] NewId() => Encoding.UTF8.GetBytes(MassTransit.NewId.NextGuid().ToString("D"));

    private static bool TryProduce(IProducer<byte[], byte[]> producer, TopicPartition target, Message<byte[], byte[]> message)
    {
        try
        {
            producer.Produce(target, message);
            return true;
        }
        catch (ProduceException<byte[], byte[]> exception) when (exception.Error.Code == ErrorCode.Local_QueueFull)
        {
            return false;
        }
    }

    private IAdminClient Admin() => new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Bootstrap }).Build();

    /// <summary>With the options of MassTransit's serializer.</summary>
    public sealed class Json : ISerializer<Parcel>, IDeserializer<Parcel>
    {
        public static readonly Json Instance = new();

        public byte[] Serialize(Parcel data, SerializationContext context) => data.ToJson();

        public Parcel Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context) =>
            JsonSerializer.Deserialize<Parcel>(data, SystemTextJsonMessageSerializer.Options)!;
    }
}
