using Confluent.Kafka;
using MassTransit.KafkaIntegration;

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
        configurator.TryAddScoped<IKafkaRider, ITopicProducer<TKey, TValue>>((rider, _) => rider.GetProducer<TKey, TValue>(address));
    }
}
