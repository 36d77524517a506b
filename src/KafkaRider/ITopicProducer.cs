using Confluent.Kafka;

namespace MassTransit;

/// <summary>Produces messages of one type to one topic.</summary>
public interface ITopicProducer<TKey, TValue> : ISendObserverConnector
    where TValue : class
{
    /// <summary>
    /// Returns once the brokers have acknowledged the record. A cancelled call is unknown: the record may still arrive.
    /// </summary>
    /// <exception cref="ProduceException{TKey, TValue}">The record was not acknowledged within 10 s, or was refused.</exception>
    Task Produce(TKey key, TValue value, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="Produce(TKey, TValue, CancellationToken)"/>
    Task Produce(TKey key, TValue value, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken = default);
}

/// <summary>Makes producers for topics that are named at run time.</summary>
public interface ITopicProducerProvider : ISendObserverConnector
{
    /// <param name="address"><c>topic:{name}</c></param>
    ITopicProducer<TKey, TValue> GetProducer<TKey, TValue>(Uri address)
        where TValue : class;
}

/// <summary>A record that is about to be produced.</summary>
public interface KafkaSendContext : SendContext
{
    /// <summary>Default: chosen by the hash of the key, as Java clients do.</summary>
    Partition Partition { get; set; }
}

/// <inheritdoc cref="KafkaSendContext"/>
public interface KafkaSendContext<out T> : KafkaSendContext, SendContext<T>
    where T : class;

/// <inheritdoc cref="KafkaSendContext"/>
public interface KafkaSendContext<TKey, out T> : KafkaSendContext<T>
    where T : class
{
    /// <summary>The key of the record.</summary>
    TKey Key { get; set; }
}
