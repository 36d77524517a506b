using Confluent.Kafka;
using MassTransit.KafkaIntegration.Serializers;

namespace MassTransit;

/// <summary>
/// Configures one producer. A producer that changes a setting of its client has a client of its own; all others share one. By default a client is
/// idempotent, waits up to 30 s for the acknowledgement of all in-sync replicas, does not linger, and sends one request at a time to each broker.
/// </summary>
public interface IKafkaProducerConfigurator : ISendObserverConnector, ISendPipelineConfigurator
{
    /// <summary>The largest number of records in one request; librdkafka's default is 10,000.</summary>
    int? BatchNumMessages { set; }

    /// <summary>The compression of record batches; default: <see cref="Confluent.Kafka.CompressionType.None"/>.</summary>
    CompressionType? CompressionType { set; }

    /// <summary>The range depends on the <see cref="CompressionType"/>.</summary>
    int? CompressionLevel { set; }

    /// <summary>How many requests may wait for the network before records are collected into larger batches; librdkafka's default is 1.</summary>
    int? QueueBufferingBackpressureThreshold { set; }

    /// <summary>The largest amount of records that wait to be acknowledged, in KiB; librdkafka's default is 1,048,576. Above it a produce fails.</summary>
    int? QueueBufferingMaxKbytes { set; }

    /// <summary>The largest number of records that wait to be acknowledged; librdkafka's default is 100,000. Above it a produce fails.</summary>
    int? QueueBufferingMaxMessages { set; }

    /// <summary>The delay between two attempts; librdkafka's default is 100 ms.</summary>
    TimeSpan? RetryBackoff { set; }

    /// <summary>The largest number of attempts for a record; librdkafka's default is limited by <see cref="MessageTimeout"/> only.</summary>
    int? MessageSendMaxRetries { set; }

    /// <summary>How long a record may wait for others to form a batch; default 0.</summary>
    TimeSpan? Linger { set; }

    /// <summary>Whether repeated attempts write a record only once; default: true.</summary>
    bool? EnableIdempotence { set; }

    /// <summary>Whether a gap in the sequence of an idempotent producer is a fatal error; librdkafka's default is false.</summary>
    bool? EnableGaplessGuarantee { set; }

    /// <summary>How the key chooses the partition; default: murmur2_random, like Java clients.</summary>
    Partitioner? Partitioner { set; }

    /// <summary>How long a produce waits for the acknowledgement, retries included; default 30 s.</summary>
    TimeSpan? MessageTimeout { set; }

    /// <summary>How long a broker may wait for its replicas to acknowledge; librdkafka's default is 30 s.</summary>
    TimeSpan? RequestTimeout { set; }

    /// <summary>Must not be false: a produce returns when the record is acknowledged.</summary>
    bool? EnableDeliveryReports { set; }

    /// <summary>Must not be false: the rider does not poll for delivery reports itself.</summary>
    bool? EnableBackgroundPoll { set; }

    /// <summary>What delivery reports contain beyond success; the rider needs none of it.</summary>
    string DeliveryReportFields { set; }

    /// <summary>Must not be set: transactions are not supported.</summary>
    string TransactionalId { set; }

    /// <summary>The timeout of a transaction; without effect, because transactions are not supported.</summary>
    TimeSpan? TransactionTimeout { set; }

    /// <summary>Receives librdkafka's statistics as JSON, at the <see cref="IKafkaFactoryConfigurator.StatisticsInterval"/>.</summary>
    void SetStatisticsHandler(Action<string> statisticsHandler);

    /// <summary>Writes the headers of records.</summary>
    void SetHeadersSerializer(IHeadersSerializer serializer);
}

/// <inheritdoc cref="IKafkaProducerConfigurator"/>
public interface IKafkaProducerConfigurator<TKey, TValue> : IKafkaProducerConfigurator
    where TValue : class
{
    /// <summary>Writes keys. The produce fails with an exception that it throws.</summary>
    void SetKeySerializer(IAsyncSerializer<TKey> serializer);

    /// <summary>Writes values. The produce fails with an exception that it throws.</summary>
    void SetValueSerializer(IAsyncSerializer<TValue> serializer);
}

/// <summary>Shorter overloads.</summary>
public static class KafkaProducerConfiguratorExtensions
{
    /// <inheritdoc cref="IKafkaProducerConfigurator{TKey, TValue}.SetKeySerializer"/>
    public static void SetKeySerializer<TKey, TValue>(this IKafkaProducerConfigurator<TKey, TValue> configurator, ISerializer<TKey> serializer)
        where TValue : class => configurator.SetKeySerializer(serializer.AsAsyncOverSync());

    /// <inheritdoc cref="IKafkaProducerConfigurator{TKey, TValue}.SetValueSerializer"/>
    public static void SetValueSerializer<TKey, TValue>(this IKafkaProducerConfigurator<TKey, TValue> configurator, ISerializer<TValue> serializer)
        where TValue : class => configurator.SetValueSerializer(serializer.AsAsyncOverSync());

    /// <summary>Wraps a synchronous serializer: it is called in place, and the task is complete.</summary>
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
