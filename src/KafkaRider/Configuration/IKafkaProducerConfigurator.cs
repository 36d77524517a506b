using Confluent.Kafka;
using MassTransit.KafkaIntegration.Serializers;

namespace MassTransit;

/// <summary>
/// Configures one producer. One that sets anything of its client has a client of its own; the others share one. What it does not set is as
/// for all: idempotent, acknowledged by all replicas in sync, at once, for 30 s, one request at a time to each broker.
/// </summary>
public interface IKafkaProducerConfigurator : ISendObserverConnector, ISendPipelineConfigurator
{
    /// <summary>The most records of one request; librdkafka's default is 10,000.</summary>
    int? BatchNumMessages { set; }

    /// <summary>Default: none.</summary>
    CompressionType? CompressionType { set; }

    /// <summary>Depends on the <see cref="CompressionType"/>.</summary>
    int? CompressionLevel { set; }

    /// <summary>How many requests may wait for the network before records rather wait for company; librdkafka's default is 1.</summary>
    int? QueueBufferingBackpressureThreshold { set; }

    /// <summary>The most KiB that wait to be acknowledged; librdkafka's default is 1,048,576.</summary>
    int? QueueBufferingMaxKbytes { set; }

    /// <summary>The most records that wait to be acknowledged; librdkafka's default is 100,000. Beyond it a produce fails.</summary>
    int? QueueBufferingMaxMessages { set; }

    /// <summary>Between two tries; librdkafka's default is 100 ms.</summary>
    TimeSpan? RetryBackoff { set; }

    /// <summary>Tries of a record; librdkafka's default is as many as there is time for.</summary>
    int? MessageSendMaxRetries { set; }

    /// <summary>How long a record may wait for company; default 0.</summary>
    TimeSpan? Linger { set; }

    /// <summary>Whether tries of a record are one record; default: yes.</summary>
    bool? EnableIdempotence { set; }

    /// <summary>Whether a gap in an idempotent series is a fatal error; librdkafka's default is no.</summary>
    bool? EnableGaplessGuarantee { set; }

    /// <summary>Default: murmur2_random, as Java clients do.</summary>
    Partitioner? Partitioner { set; }

    /// <summary>How long a record is tried to be acknowledged; default 30 s.</summary>
    TimeSpan? MessageTimeout { set; }

    /// <summary>How long a broker may wait for its replicas; librdkafka's default is 30 s.</summary>
    TimeSpan? RequestTimeout { set; }

    /// <summary>Must not be false: a produce returns when the record is acknowledged.</summary>
    bool? EnableDeliveryReports { set; }

    /// <summary>Must not be false: nobody else would fetch the reports.</summary>
    bool? EnableBackgroundPoll { set; }

    /// <summary>What reports tell beyond success; the rider needs none of it.</summary>
    string DeliveryReportFields { set; }

    /// <summary>Must not be set: there are no transactions.</summary>
    string TransactionalId { set; }

    /// <summary>Of a transaction.</summary>
    TimeSpan? TransactionTimeout { set; }

    /// <summary>Is given librdkafka's statistics, a JSON text, as often as <see cref="IKafkaFactoryConfigurator.StatisticsInterval"/> says.</summary>
    void SetStatisticsHandler(Action<string> statisticsHandler);

    /// <summary>Writes the headers of records.</summary>
    void SetHeadersSerializer(IHeadersSerializer serializer);
}

/// <inheritdoc cref="IKafkaProducerConfigurator"/>
public interface IKafkaProducerConfigurator<TKey, TValue> : IKafkaProducerConfigurator
    where TValue : class
{
    /// <summary>Writes keys; an exception is one of the produce.</summary>
    void SetKeySerializer(IAsyncSerializer<TKey> serializer);

    /// <summary>Writes values; an exception is one of the produce.</summary>
    void SetValueSerializer(IAsyncSerializer<TValue> serializer);
}

/// <summary>Shorter forms.</summary>
public static class KafkaProducerConfiguratorExtensions
{
    /// <inheritdoc cref="IKafkaProducerConfigurator{TKey, TValue}.SetKeySerializer"/>
    public static void SetKeySerializer<TKey, TValue>(this IKafkaProducerConfigurator<TKey, TValue> configurator, ISerializer<TKey> serializer)
        where TValue : class => configurator.SetKeySerializer(serializer.AsAsyncOverSync());

    /// <inheritdoc cref="IKafkaProducerConfigurator{TKey, TValue}.SetValueSerializer"/>
    public static void SetValueSerializer<TKey, TValue>(this IKafkaProducerConfigurator<TKey, TValue> configurator, ISerializer<TValue> serializer)
        where TValue : class => configurator.SetValueSerializer(serializer.AsAsyncOverSync());

    /// <summary>A serializer that is called in place and returns a finished task.</summary>
    public static IAsyncSerializer<T> AsAsyncOverSync<T>(this ISerializer<T> serializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        return new SynchronousSerializer<T>(serializer);
    }

    private sealed class SynchronousSerializer<T>(ISerializer<T> serializer) : IAsyncSerializer<T>
    {
        public Task<byte[]> SerializeAsync(T data, SerializationContext context) => Task.FromResult(serializer.Serialize(data, context));
    }
}
