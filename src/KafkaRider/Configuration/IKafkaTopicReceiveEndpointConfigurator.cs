using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using MassTransit.KafkaIntegration.Serializers;

namespace MassTransit;

/// <summary>
/// Configures a topic endpoint. Records of one key are handled in order; records of different keys side by side, up to
/// <see cref="IReceiveEndpointConfigurator.ConcurrentMessageLimit"/> (default 1). Polling pauses while
/// <see cref="IReceiveEndpointConfigurator.PrefetchCount"/> (default 1,000) records are in flight. A wrong setting fails the start of
/// the bus with a <see cref="ConfigurationException"/> that names it.
/// </summary>
public interface IKafkaTopicReceiveEndpointConfigurator : IReceiveEndpointConfigurator
{
    /// <summary>Where to start in a partition without a committed offset; librdkafka's default is the end.</summary>
    AutoOffsetReset? AutoOffsetReset { set; }

    /// <summary>
    /// Where to start in every partition, whatever is committed: an offset, or one of the values of <see cref="Confluent.Kafka.Offset"/>. Once
    /// for each partition after a start of the bus; a rebalance does not go back there.
    /// </summary>
    long Offset { set; }

    /// <summary>How late a commit may be after the record it is for: 10 ms to 1 hour, default 1 s.</summary>
    TimeSpan CheckpointInterval { set; }

    /// <summary>After how many finished records of a partition a commit is made even earlier: 1 to 65,535, default 100.</summary>
    ushort CheckpointMessageCount { set; }

    /// <summary>
    /// How far a partition is read beyond its first unfinished record, which is as much as is delivered again after a crash: 1 to 65,535,
    /// default 10,000.
    /// </summary>
    ushort MessageLimit { set; }

    /// <summary>
    /// 1, whatever is set; more is a warning in the log. One client polls all partitions, and their records run side by side up to
    /// <see cref="IReceiveEndpointConfigurator.ConcurrentMessageLimit"/>.
    /// </summary>
    ushort ConcurrentConsumerLimit { set; }

    /// <summary>Only 1: more would break the order of keys. Records without a key run side by side in any case.</summary>
    int ConcurrentDeliveryLimit { set; }

    /// <summary>
    /// Where records go that cannot be read or fail after their retries; <c>{topic}</c> stands for the record's topic. Default:
    /// <c>{topic}.dead-letter</c>. <see langword="null"/>: nowhere. Then the record's partition stops at it, uncommitted, the endpoint is degraded and
    /// says why, and the record is tried again when the partition is assigned anew or the process is started again. An endpoint whose topic is a pattern does not
    /// consume topics of this name.
    /// </summary>
    string? DeadLetterTopic { set; }

    /// <summary>Makes this process a static member of the group: one of this name that comes back within the session timeout gets its partitions back.</summary>
    string GroupInstanceId { set; }

    /// <summary>Default: cooperative-sticky. All members of a group must agree.</summary>
    PartitionAssignmentStrategy? PartitionAssignmentStrategy { set; }

    /// <summary>After how long without a heartbeat the group takes the partitions away; librdkafka's default is 45 s.</summary>
    TimeSpan? SessionTimeout { set; }

    /// <summary>Librdkafka's default is 3 s.</summary>
    TimeSpan? HeartbeatInterval { set; }

    /// <summary>After how long without a poll the client leaves the group; librdkafka's default is 5 minutes. Polling goes on while records are handled.</summary>
    TimeSpan? MaxPollInterval { set; }

    /// <summary>How often the group's coordinator is looked up; librdkafka's default is 10 minutes.</summary>
    TimeSpan? CoordinatorQueryInterval { set; }

    /// <summary>Librdkafka knows <c>consumer</c> only.</summary>
    string GroupProtocolType { set; }

    /// <summary>Records of a partition that the client keeps fetched ahead; librdkafka's default is 100,000.</summary>
    int? QueuedMinMessages { set; }

    /// <summary>The most KiB that the client keeps fetched ahead; librdkafka's default is 65,536.</summary>
    int? QueuedMaxMessagesKbytes { set; }

    /// <summary>Whether the checksums of records are verified; librdkafka's default is no.</summary>
    bool? CheckCrcs { set; }

    /// <summary>Not <see langword="true"/>: which offsets are stored is the checkpoint's business, else records in flight would be lost.</summary>
    bool? EnableAutoOffsetStore { set; }

    /// <summary>Not <see langword="true"/>: the end of a partition is no record that a consumer could be told of.</summary>
    bool? EnablePartitionEof { set; }

    /// <summary>How records are fetched.</summary>
    void ConfigureFetch(Action<IKafkaFetchConfigurator> configure);

    /// <summary>Whether records of open and aborted transactions are read; librdkafka's default is not to.</summary>
    void UseIsolationLevel(IsolationLevel isolationLevel);

    /// <summary>Reads the headers of records.</summary>
    void SetHeadersDeserializer(IHeadersDeserializer deserializer);

    /// <summary>Is told of every commit.</summary>
    void SetOffsetsCommittedHandler(Action<CommittedOffsets> offsetsCommittedHandler);

    /// <summary>Is given librdkafka's statistics, a JSON text, as often as <see cref="IKafkaFactoryConfigurator.StatisticsInterval"/> says.</summary>
    void SetStatisticsHandler(Action<string> statisticsHandler);

    /// <summary>Creates the topic and its dead-letter topic where they are missing, now and whenever they are found missing later.</summary>
    void CreateIfMissing(Action<KafkaTopicOptions>? configure = null);
}

/// <inheritdoc cref="IKafkaTopicReceiveEndpointConfigurator"/>
public interface IKafkaTopicReceiveEndpointConfigurator<TKey, TValue> : IKafkaTopicReceiveEndpointConfigurator
    where TValue : class
{
    /// <summary>Reads the keys of records. One that throws sends the record to the dead-letter topic.</summary>
    void SetKeyDeserializer(IDeserializer<TKey> deserializer);

    /// <summary>Reads the values of records; a null value only where no consumer of <see cref="Tombstone{T}"/> asks for it. As for keys.</summary>
    void SetValueDeserializer(IDeserializer<TValue> deserializer);
}

/// <summary>How records are fetched, in librdkafka's terms.</summary>
public interface IKafkaFetchConfigurator
{
    /// <summary>How long a broker may hold a fetch that has less than <see cref="MinBytes"/>; default 500 ms.</summary>
    TimeSpan? WaitMaxInterval { set; }

    /// <summary>The most of one partition in a fetch; default 1 MiB.</summary>
    int? MaxPartitionBytes { set; }

    /// <summary>The most of a fetch; default 50 MiB.</summary>
    int? MaxBytes { set; }

    /// <summary>The least of a fetch; default 1.</summary>
    int? MinBytes { set; }

    /// <summary>How long a partition rests after an error; default 500 ms.</summary>
    TimeSpan? ErrorBackoffInterval { set; }
}
