using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using MassTransit.KafkaIntegration.Serializers;

namespace MassTransit;

/// <summary>
/// Configures a topic endpoint. Records with the same key are handled in order; records with different keys side by side, up to
/// <see cref="IReceiveEndpointConfigurator.ConcurrentMessageLimit"/> (default 1). Partitions are paused while
/// <see cref="IReceiveEndpointConfigurator.PrefetchCount"/> (default 1,000) records are in flight. If a setting is invalid, the bus fails to
/// start with a <see cref="ConfigurationException"/> that names the setting.
/// </summary>
public interface IKafkaTopicReceiveEndpointConfigurator : IReceiveEndpointConfigurator
{
    /// <summary>Where to start in a partition without a committed offset; librdkafka's default is the end.</summary>
    AutoOffsetReset? AutoOffsetReset { set; }

    /// <summary>
    /// Where to start in every partition, even if an offset is committed: an offset, or one of the special values of
    /// <see cref="Confluent.Kafka.Offset"/>. It applies once to each partition after a start of the bus; after a commit, a rebalance does not return to it.
    /// </summary>
    long Offset { set; }

    /// <summary>The longest time between the end of a record and its commit: 10 ms to 1 hour, default 1 s.</summary>
    TimeSpan CheckpointInterval { set; }

    /// <summary>The number of finished records of a partition after which a commit is made earlier: 1 to 65,535, default 100.</summary>
    ushort CheckpointMessageCount { set; }

    /// <summary>
    /// How far a partition is read beyond its first unfinished record, in offsets: 1 to 65,535, default 10,000. At most this many records are
    /// delivered again after a crash.
    /// </summary>
    ushort MessageLimit { set; }

    /// <summary>
    /// At least 1. An endpoint always has 1 consumer; a larger value only logs a warning. One client polls all partitions, and their records run
    /// side by side up to <see cref="IReceiveEndpointConfigurator.ConcurrentMessageLimit"/>.
    /// </summary>
    ushort ConcurrentConsumerLimit { set; }

    /// <summary>Must be 1: a larger value would break the order of keys. Records without a key run side by side in any case.</summary>
    int ConcurrentDeliveryLimit { set; }

    /// <summary>
    /// The topic for records that cannot be read, or that fail after their retries; <c>{topic}</c> stands for the record's topic. Default:
    /// <c>{topic}.dead-letter</c>. <see langword="null"/> turns dead letters off: the partition stops at the record and does not commit it. The
    /// health of the endpoint is degraded and gives the reason. The record is tried again when the partition is assigned again or the process
    /// restarts. An endpoint whose topic is a pattern does not consume topics of this name.
    /// </summary>
    string? DeadLetterTopic { set; }

    /// <summary>Makes this process a static member of the group: if it restarts within the session timeout, it keeps its partitions.</summary>
    string GroupInstanceId { set; }

    /// <summary>How partitions are distributed; default: cooperative-sticky. It must be the same for all members of a group.</summary>
    PartitionAssignmentStrategy? PartitionAssignmentStrategy { set; }

    /// <summary>How long the group waits for a heartbeat before it takes the partitions away; librdkafka's default is 45 s.</summary>
    TimeSpan? SessionTimeout { set; }

    /// <summary>The interval of heartbeats; librdkafka's default is 3 s.</summary>
    TimeSpan? HeartbeatInterval { set; }

    /// <summary>How long the client may go without a poll before it leaves the group; librdkafka's default is 5 minutes. Polling continues while records are handled.</summary>
    TimeSpan? MaxPollInterval { set; }

    /// <summary>The interval at which the group's coordinator is looked up; librdkafka's default is 10 minutes.</summary>
    TimeSpan? CoordinatorQueryInterval { set; }

    /// <summary>The type of the group protocol; librdkafka supports <c>consumer</c> only.</summary>
    string GroupProtocolType { set; }

    /// <summary>How many records of a partition the client fetches ahead; librdkafka's default is 100,000.</summary>
    int? QueuedMinMessages { set; }

    /// <summary>The largest amount that the client fetches ahead, in KiB; librdkafka's default is 65,536.</summary>
    int? QueuedMaxMessagesKbytes { set; }

    /// <summary>Whether the checksums of records are verified; librdkafka's default is false.</summary>
    bool? CheckCrcs { set; }

    /// <summary>Must not be true: offsets of records in flight would be stored, and those records lost after a crash.</summary>
    bool? EnableAutoOffsetStore { set; }

    /// <summary>Must not be true: the end of a partition is not a record that a consumer could receive.</summary>
    bool? EnablePartitionEof { set; }

    /// <summary>Configures how records are fetched.</summary>
    void ConfigureFetch(Action<IKafkaFetchConfigurator> configure);

    /// <summary>Whether records of open and aborted transactions are read; librdkafka's default is to skip them.</summary>
    void UseIsolationLevel(IsolationLevel isolationLevel);

    /// <summary>Reads the headers of records.</summary>
    void SetHeadersDeserializer(IHeadersDeserializer deserializer);

    /// <summary>Called after every commit, on the thread that commits.</summary>
    void SetOffsetsCommittedHandler(Action<CommittedOffsets> offsetsCommittedHandler);

    /// <summary>Receives librdkafka's statistics as JSON, at the <see cref="IKafkaFactoryConfigurator.StatisticsInterval"/>.</summary>
    void SetStatisticsHandler(Action<string> statisticsHandler);

    /// <summary>Creates the topic and its dead-letter topic if they are missing, at the start and whenever a probe finds them missing later.</summary>
    void CreateIfMissing(Action<KafkaTopicOptions>? configure = null);
}

/// <inheritdoc cref="IKafkaTopicReceiveEndpointConfigurator"/>
public interface IKafkaTopicReceiveEndpointConfigurator<TKey, TValue> : IKafkaTopicReceiveEndpointConfigurator
    where TValue : class
{
    /// <summary>Reads the keys of records. If it throws, the record goes to the dead-letter topic.</summary>
    void SetKeyDeserializer(IDeserializer<TKey> deserializer);

    /// <summary>Reads the values of records. It receives null values only if there is no consumer of <see cref="Tombstone{T}"/>. If it throws, the record goes to the dead-letter topic.</summary>
    void SetValueDeserializer(IDeserializer<TValue> deserializer);
}

/// <summary>The fetch settings, named as in MassTransit.</summary>
public interface IKafkaFetchConfigurator
{
    /// <summary>How long a broker may delay its answer while it has less than <see cref="MinBytes"/>; default 500 ms.</summary>
    TimeSpan? WaitMaxInterval { set; }

    /// <summary>The largest amount of one partition in one fetch, in bytes; default 1 MiB.</summary>
    int? MaxPartitionBytes { set; }

    /// <summary>The largest amount of one fetch, in bytes; default 50 MiB.</summary>
    int? MaxBytes { set; }

    /// <summary>The smallest amount of one fetch, in bytes; default 1.</summary>
    int? MinBytes { set; }

    /// <summary>How long a partition is not fetched after an error; default 500 ms.</summary>
    TimeSpan? ErrorBackoffInterval { set; }
}
