using Confluent.Kafka;
using Confluent.Kafka.Admin;
using ProductCache.TestSupport.Servers;

namespace ProductCache.TestSupport;

/// <summary>Topics of their own for tests, and what a plain Kafka client sees of them.</summary>
public static class TestTopics
{
    /// <summary>What a broker takes unless told otherwise; the rider's own producer takes 1,000,000.</summary>
    public const int MaxMessageBytes = 1_048_588;

    private const short BrokersDefault = -1;

    private static readonly TimeSpan Timeout = Eventually.Patience;

    /// <summary>Waits until the group has so many members, which share so many partitions evenly.</summary>
    public static Task AssignedAsync(KafkaServer kafka, string group, int members, int partitions) => Eventually.TrueAsync(async () =>
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.Bootstrap }).Build();
        var described = (await admin.DescribeConsumerGroupsAsync([group])).ConsumerGroupDescriptions[0];
        return described.State == ConsumerGroupState.Stable
            && described.Members.Count == members
            && described.Members.All(member => member.Assignment.TopicPartitions.Count == partitions / members);
    });

    /// <summary>A topic and its dead-letter topic. (The mock cluster gives four partitions, whatever is asked.)</summary>
    /// <param name="maxMessageBytes">Of a batch of records; not on the mock cluster.</param>
    /// <param name="name">Default: one that no other topic has.</param>
    public static async Task<string> CreateAsync(KafkaServer kafka, int partitions = 1, int? maxMessageBytes = null, string? name = null)
    {
        var topic = name ?? $"test-{Guid.NewGuid():N}";
        string[] names = [topic, $"{topic}.dead-letter"];
        if (kafka.IsMock)
        {
            using var producer = Producer(kafka);
            using var client = new DependentAdminClientBuilder(producer.Handle).Build();
            foreach (var created in names)
            {
                client.GetMetadata(created, Timeout);
            }
        }
        else
        {
            using var admin = Admin(kafka);
            await admin.CreateTopicsAsync(names.Select(created => new TopicSpecification
            {
                Name = created,
                NumPartitions = partitions,
                ReplicationFactor = BrokersDefault,
                Configs = maxMessageBytes is { } bytes ? new Dictionary<string, string> { ["max.message.bytes"] = $"{bytes}" } : [],
            }));
        }

        return topic;
    }

    public static IProducer<byte[]?, byte[]?> Producer(KafkaServer kafka, int maxMessageBytes = MaxMessageBytes) =>
        new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, LingerMs = 0, MessageMaxBytes = maxMessageBytes })
            .SetKeySerializer(Serializers.ByteArray!)
            .SetValueSerializer(Serializers.ByteArray!)
            .SetLogHandler((_, _) => { })
            .Build();

    public static async Task ProduceAsync(KafkaServer kafka, string topic, params IEnumerable<Message<byte[]?, byte[]?>> messages)
    {
        using var producer = Producer(kafka);
        await Task.WhenAll(messages.Select(message => producer.ProduceAsync(topic, message)));
    }

    public static async Task ProduceToOnePartitionAsync(KafkaServer kafka, string topic, params IEnumerable<Message<byte[]?, byte[]?>> messages)
    {
        using var producer = Producer(kafka);
        await Task.WhenAll(messages.Select(message => producer.ProduceAsync(new TopicPartition(topic, 0), message)));
    }

    /// <summary>Reads the first records of a topic, all partitions.</summary>
    public static Task<List<ConsumeResult<byte[]?, byte[]?>>> ReadAsync(KafkaServer kafka, string topic, int count) => Task.Run(() =>
    {
        using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig
        {
            BootstrapServers = kafka.Bootstrap,
            GroupId = $"reader-{Guid.NewGuid():N}",
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnableAutoCommit = false,
            FetchWaitMaxMs = 5,
        }).SetKeyDeserializer(Deserializers.ByteArray!).SetValueDeserializer(Deserializers.ByteArray!).Build();
        consumer.Assign(PartitionsOf(kafka, topic).Select(partition => new TopicPartitionOffset(partition, Offset.Beginning)));
        List<ConsumeResult<byte[]?, byte[]?>> records = [];
        using var patience = new CancellationTokenSource(Timeout);
        while (records.Count < count)
        {
            records.Add(consumer.Consume(patience.Token));
        }

        consumer.Close();
        return records;
    });

    public static async Task<List<ConsumeResult<byte[]?, byte[]?>>> ReadAllAsync(KafkaServer kafka, string topic) =>
        await ReadAsync(kafka, topic, (int)await CountAsync(kafka, topic));

    /// <summary>Committed offsets of the group, summed over the partitions.</summary>
    public static async Task<long> CommittedAsync(KafkaServer kafka, string topic, string group) =>
        (await CommittedByPartitionAsync(kafka, topic, group)).Values.Sum();

    /// <summary>Nothing committed counts as 0.</summary>
    public static Task<Dictionary<int, long>> CommittedByPartitionAsync(KafkaServer kafka, string topic, string group) => Task.Run(() =>
    {
        using var consumer = Observer(kafka, group);
        return consumer.Committed(PartitionsOf(kafka, topic), Timeout).ToDictionary(offset => offset.Partition.Value, offset => Math.Max(0, offset.Offset.Value));
    });

    public static Task CommittedReachesAsync(KafkaServer kafka, string topic, string group, long count) =>
        Eventually.TrueAsync(async () => await CommittedAsync(kafka, topic, group) >= count, $"{count} records of {topic} committed");

    /// <summary>All that is in the topic is committed.</summary>
    public static Task NothingIsLeftAsync(KafkaServer kafka, string topic, string group) =>
        Eventually.TrueAsync(async () => await CommittedAsync(kafka, topic, group) == await CountAsync(kafka, topic), $"all records of {topic} committed");

    /// <summary>How many records were written to the topic.</summary>
    public static Task<long> CountAsync(KafkaServer kafka, string topic) => Task.Run(() =>
    {
        using var consumer = Observer(kafka, "counter");
        return PartitionsOf(kafka, topic).Sum(partition => consumer.QueryWatermarkOffsets(partition, Timeout).High.Value);
    });

    public static IReadOnlyList<TopicPartition> PartitionsOf(KafkaServer kafka, string topic)
    {
        using var admin = Admin(kafka);
        return [.. admin.GetMetadata(topic, Timeout).Topics[0].Partitions.Select(partition => new TopicPartition(topic, partition.PartitionId))];
    }

    private static IAdminClient Admin(KafkaServer kafka) =>
        new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.Bootstrap }).SetLogHandler((_, _) => { }).Build();

    private static IConsumer<Ignore, Ignore> Observer(KafkaServer kafka, string group) =>
        new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig { BootstrapServers = kafka.Bootstrap, GroupId = group }).SetLogHandler((_, _) => { }).Build();
}
