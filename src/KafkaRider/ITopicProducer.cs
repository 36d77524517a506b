using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using Null = Confluent.Kafka.Null;

namespace MassTransit;

/// <summary>Produces messages of one type to one topic.</summary>
public interface ITopicProducer<TKey, TValue> : ISendObserverConnector
    where TValue : class
{
    /// <summary>
    /// Returns when the brokers have acknowledged the record. After a cancelled call the outcome is unknown: the record may still be written.
    /// </summary>
    /// <exception cref="ProduceException{TKey, TValue}">
    /// The brokers rejected the record, or did not acknowledge it within 30 s (<see cref="IKafkaProducerConfigurator.MessageTimeout"/>) or before the
    /// bus was stopped.
    /// </exception>
    /// <exception cref="KafkaException">The bus was already stopped.</exception>
    /// <exception cref="TimeoutException">The bus did not start within 30 s.</exception>
    Task Produce(TKey key, TValue value, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="Produce(TKey, TValue, CancellationToken)"/>
    Task Produce(TKey key, TValue value, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken = default);

    /// <param name="key">The key of the record.</param>
    /// <param name="values">An object with the properties of the message, see MassTransit's message initializers.</param>
    /// <param name="cancellationToken">Ends the wait for the acknowledgement.</param>
    /// <inheritdoc cref="Produce(TKey, TValue, CancellationToken)"/>
    Task Produce(TKey key, object values, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="Produce(TKey, object, CancellationToken)"/>
    Task Produce(TKey key, object values, IPipe<KafkaSendContext<TKey, TValue>> pipe, CancellationToken cancellationToken = default);
}

/// <summary>Produces messages of one type to one topic, without a key or with one that is computed from the message.</summary>
public interface ITopicProducer<TValue> : ISendObserverConnector
    where TValue : class
{
    /// <inheritdoc cref="ITopicProducer{TKey, TValue}.Produce(TKey, TValue, CancellationToken)"/>
    Task Produce(TValue value, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="Produce(TValue, CancellationToken)"/>
    Task Produce(TValue value, IPipe<KafkaSendContext<TValue>> pipe, CancellationToken cancellationToken = default);

    /// <param name="values">An object with the properties of the message, see MassTransit's message initializers.</param>
    /// <param name="cancellationToken">Ends the wait for the acknowledgement.</param>
    /// <inheritdoc cref="Produce(TValue, CancellationToken)"/>
    Task Produce(object values, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="Produce(object, CancellationToken)"/>
    Task Produce(object values, IPipe<KafkaSendContext<TValue>> pipe, CancellationToken cancellationToken = default);
}

/// <summary>Creates producers for topics whose names are known at run time only.</summary>
public interface ITopicProducerProvider : ISendObserverConnector
{
    /// <summary>Creates a producer; it can be used by several threads.</summary>
    /// <param name="address"><c>topic:{name}</c>, or the address of the bus followed by <c>/kafka/{name}</c>.</param>
    /// <exception cref="ArgumentException">It is not the address of a topic.</exception>
    ITopicProducer<TKey, TValue> GetProducer<TKey, TValue>(Uri address)
        where TValue : class;
}

/// <summary>Shorter overloads.</summary>
public static class TopicProducerProviderExtensions
{
    /// <summary>A producer of records without a key.</summary>
    /// <param name="provider">The rider.</param>
    /// <param name="address"><c>topic:{name}</c></param>
    public static ITopicProducer<TValue> GetProducer<TValue>(this ITopicProducerProvider provider, Uri address)
        where TValue : class =>
        new KeylessTopicProducer<Null, TValue>(provider.GetProducer<Null, TValue>(address), _ => null!);

    /// <summary>A producer of records whose key is computed from the message, after all send pipes.</summary>
    /// <param name="provider">The rider.</param>
    /// <param name="address"><c>topic:{name}</c></param>
    /// <param name="keyResolver">Computes the key.</param>
    public static ITopicProducer<TValue> GetProducer<TKey, TValue>(
        this ITopicProducerProvider provider, Uri address, KafkaKeyResolver<TKey, TValue> keyResolver)
        where TValue : class =>
        new KeylessTopicProducer<TKey, TValue>(provider.GetProducer<TKey, TValue>(address), keyResolver);
}

/// <summary>A record that is about to be produced.</summary>
public interface KafkaSendContext : SendContext
{
    /// <summary>The partition; by default the hash of the key chooses it, like Java clients.</summary>
    Partition Partition { get; set; }
}

/// <inheritdoc cref="KafkaSendContext"/>
public interface KafkaSendContext<T> : KafkaSendContext, SendContext<T>
    where T : class
{
    /// <summary>Writes the value. If it returns <see langword="null"/> or an empty array, the record is a tombstone.</summary>
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
