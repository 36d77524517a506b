using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using Null = Confluent.Kafka.Null;

namespace MassTransit;

/// <summary>Registers the Kafka rider and its producers inside <c>AddRider</c>.</summary>
public static class KafkaRiderRegistrationExtensions
{
    /// <summary>Adds the Kafka rider to the bus.</summary>
    /// <param name="configurator">The rider registration that <c>AddRider</c> hands in.</param>
    /// <param name="configure">Names the brokers and the topic endpoints; called once, while the bus is built.</param>
    public static void UsingKafka(
        this IRiderRegistrationConfigurator configurator, Action<IRiderRegistrationContext, IKafkaFactoryConfigurator> configure) =>
        configurator.UsingKafka(new ClientConfig(), configure);

    /// <summary>Adds the Kafka rider to the bus.</summary>
    /// <param name="configurator">The rider registration that <c>AddRider</c> hands in.</param>
    /// <param name="clientConfig">Settings of all Kafka clients of the rider, in librdkafka's terms.</param>
    /// <param name="configure">Names the brokers and the topic endpoints; called once, while the bus is built.</param>
    public static void UsingKafka(
        this IRiderRegistrationConfigurator configurator,
        ClientConfig clientConfig,
        Action<IRiderRegistrationContext, IKafkaFactoryConfigurator> configure)
    {
        ArgumentNullException.ThrowIfNull(clientConfig);
        ArgumentNullException.ThrowIfNull(configure);
        configurator.SetRiderFactory(new KafkaRiderFactory(clientConfig, configure));
        configurator.TryAddScoped<IKafkaRider, ITopicProducerProvider>((rider, scope) => new ScopedTopicProducerProvider(rider, scope));
    }

    /// <summary>
    /// Adds a scoped <see cref="ITopicProducer{TKey, TValue}"/> for the topic. It can be resolved once the bus has started.
    /// </summary>
    /// <param name="configurator">The rider registration that <c>AddRider</c> hands in.</param>
    /// <param name="topicName">The topic; it is not created.</param>
    /// <exception cref="ConfigurationException">There is a producer of this key and value type already.</exception>
    public static void AddProducer<TKey, TValue>(this IRiderRegistrationConfigurator configurator, string topicName)
        where TValue : class
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(topicName);
        if (configurator.Any(service => service.ServiceType == typeof(ITopicProducer<TKey, TValue>)))
        {
            throw new ConfigurationException(
                $"There is a producer of {typeof(TValue).Name} by {typeof(TKey).Name} already: use ITopicProducerProvider for topic {topicName}.");
        }

        configurator.Registrar.GetOrAddRegistration(
            typeof(ITopicProducer<TKey, TValue>), producer => new TopicProducerRegistration(producer, topicName));
        var address = new Uri($"topic:{topicName}");
        configurator.TryAddScoped<IKafkaRider, ITopicProducer<TKey, TValue>>((rider, scope) =>
            new ScopedTopicProducer<TKey, TValue>(rider.GetProducer<TKey, TValue>(address), scope));
    }

    /// <summary>
    /// Adds a scoped <see cref="ITopicProducer{TValue}"/> of records without a key for the topic.
    /// </summary>
    /// <param name="configurator">The rider registration that <c>AddRider</c> hands in.</param>
    /// <param name="topicName">The topic; it is not created.</param>
    /// <exception cref="ConfigurationException">There is a producer of this value type already.</exception>
    public static void AddProducer<TValue>(this IRiderRegistrationConfigurator configurator, string topicName)
        where TValue : class =>
        configurator.AddProducer<Null, TValue>(topicName, _ => null!);

    /// <summary>
    /// Adds a scoped <see cref="ITopicProducer{TValue}"/> for the topic, which makes the key of each record from its message,
    /// and an <see cref="ITopicProducer{TKey, TValue}"/>.
    /// </summary>
    /// <param name="configurator">The rider registration that <c>AddRider</c> hands in.</param>
    /// <param name="topicName">The topic; it is not created.</param>
    /// <param name="keyResolver">Makes the key.</param>
    /// <exception cref="ConfigurationException">There is a producer of this value type, or of this key and value type, already.</exception>
    public static void AddProducer<TKey, TValue>(
        this IRiderRegistrationConfigurator configurator, string topicName, KafkaKeyResolver<TKey, TValue> keyResolver)
        where TValue : class
    {
        ArgumentNullException.ThrowIfNull(keyResolver);
        if (configurator.Any(service => service.ServiceType == typeof(ITopicProducer<TValue>)))
        {
            throw new ConfigurationException(
                $"There is a producer of {typeof(TValue).Name} without a key already: use ITopicProducerProvider for topic {topicName}.");
        }

        configurator.AddProducer<TKey, TValue>(topicName);
        var address = new Uri($"topic:{topicName}");
        configurator.TryAddScoped<IKafkaRider, ITopicProducer<TValue>>((rider, scope) =>
            new ScopedTopicProducerProvider(rider, scope).GetProducer(address, keyResolver));
    }
}
