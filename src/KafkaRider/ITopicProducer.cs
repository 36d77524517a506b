using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using Null = Confluent.Kafka.Null;

namespace MassTransit;

/// <summary>Produces messages of one type to one topic.</summary>
public interface ITopicProducer<TKey, TValue> : ISendObserverConnector
    where TValue : class
{
    /// <summary>
    /// Returns once the brokers have acknowledged the record. A cancelled call is unknown: the record may still arrive.
    /// </summary>
    /// <exception cref="ProduceException{TKey, TValue}">
    /// The record was refused, or not acknowledged within 30 s (<see cref="IKafkaProducerConfigurator.MessageTimeout"/>) or before the bus was stopped.
    /// </exception>
    /// <exception cref="KafkaException">The bus was stopped before.</exception>
    Task Produce(TKey key, TValue value, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="Produce(TKey, TValue, CancellationToken)"/>
    Task Produce(TKey key, TValue value, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken = default);

    /// <param name="key">The key of the record.</param>
    /// <param name="values">An object whose properties the message takes, by MassTransit's message initializers.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <inheritdoc cref="Produce(TKey, TValue, CancellationToken)"/>
    Task Produce(TKey key, object values, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="Produce(TKey, object, CancellationToken)"/>
    Task Produce(TKey key, object values, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken = default);
}

/// <summary>Produces messages of one type to one topic, without a key or with one that is made from the message.</summary>
public interface ITopicProducer<TValue> : ISendObserverConnector
    where TValue : class
{
    /// <inheritdoc cref="ITopicProducer{TKey, TValue}.Produce(TKey, TValue, CancellationToken)"/>
    Task Produce(TValue value, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="Produce(TValue, CancellationToken)"/>
    Task Produce(TValue value, IPipe<KafkaSendContext<TValue>> pipe, CancellationToken cancellationToken = default);

    /// <param name="values">An object whose properties the message takes, by MassTransit's message initializers.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <inheritdoc cref="Produce(TValue, CancellationToken)"/>
    Task Produce(object values, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="Produce(object, CancellationToken)"/>
    Task Produce(object values, IPipe<KafkaSendContext<TValue>> pipe, CancellationToken cancellationToken = default);
}

/// <summary>Makes producers for topics that are named at run time.</summary>
public interface ITopicProducerProvider : ISendObserverConnector
{
    /// <param name="address"><c>topic:{name}</c>, or the address of the bus and <c>/kafka/{name}</c>.</param>
    ITopicProducer<TKey, TValue> GetProducer<TKey, TValue>(Uri address)
        where TValue : class;
}

/// <summary>Shorter forms.</summary>
public static class TopicProducerProviderExtensions
{
    /// <summary>A producer of records without a key.</summary>
    /// <param name="provider">The rider.</param>
    /// <param name="address"><c>topic:{name}</c></param>
    public static ITopicProducer<TValue> GetProducer<TValue>(this ITopicProducerProvider provider, Uri address)
        where TValue : class =>
        new KeylessTopicProducer<Null, TValue>(provider.GetProducer<Null, TValue>(address), _ => null!);

    /// <summary>A producer of records whose key is made from the message, after all pipes.</summary>
    /// <param name="provider">The rider.</param>
    /// <param name="address"><c>topic:{name}</c></param>
    /// <param name="keyResolver">Makes the key.</param>
    public static ITopicProducer<TValue> GetProducer<TKey, TValue>(
        this ITopicProducerProvider provider, Uri address, KafkaKeyResolver<TKey, TValue> keyResolver)
        where TValue : class =>
        new KeylessTopicProducer<TKey, TValue>(provider.GetProducer<TKey, TValue>(address), keyResolver);
}

/// <summary>A record that is about to be produced.</summary>
public interface KafkaSendContext : SendContext
{
    /// <summary>Default: chosen by the hash of the key, as Java clients do.</summary>
    Partition Partition { get; set; }
}

/// <inheritdoc cref="KafkaSendContext"/>
public interface KafkaSendContext<T> : KafkaSendContext, SendContext<T>
    where T : class
{
    /// <summary>Writes the value; one that returns <see langword="null"/> or nothing makes the record a tombstone.</summary>
    IAsyncSerializer<T> ValueSerializer { get; set; }
}

/// <inheritdoc cref="KafkaSendContext"/>
public interface KafkaSendContext<TKey, T> : KafkaSendContext<T>
    where T : class
{
    /// <summary>The key of the record.</summary>
    TKey Key { get; set; }

    /// <summary>Writes the key.</summary>
    IAsyncSerializer<TKey> KeySerializer { get; set; }
}
