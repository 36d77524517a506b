using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Null = Confluent.Kafka.Null;

namespace MassTransit;

/// <summary>
/// Registers producers inside <c>AddRider</c>. They are scoped services and can be resolved before the bus has started; a produce then waits up to
/// 30 s for the start. If several buses have a producer of the same message, the service is the producer that was added first; the others come from
/// the riders of their buses, <c>Bind&lt;TBus, IKafkaRider&gt;</c>.
/// </summary>
public static class KafkaProducerRegistrationExtensions
{
    /// <summary>Adds an <see cref="ITopicProducer{TKey, TValue}"/>.</summary>
    /// <param name="configurator">The rider registration that <c>AddRider</c> hands in.</param>
    /// <param name="topicName">The topic. It is not created.</param>
    /// <param name="configure">Configures this producer. Called once, when the bus is built.</param>
    /// <exception cref="ConfigurationException">A producer of this key and value type was added before.</exception>
    public static void AddProducer<TKey, TValue>(
        this IRiderRegistrationConfigurator configurator,
        string topicName,
        Action<IRiderRegistrationContext, IKafkaProducerConfigurator<TKey, TValue>>? configure = null)
        where TValue : class => configurator.AddProducer(topicName, new ProducerConfig(), configure);

    /// <param name="configurator">The rider registration that <c>AddRider</c> hands in.</param>
    /// <param name="topicName">The topic. It is not created.</param>
    /// <param name="producerConfig">The librdkafka settings of this producer's client. They take precedence over those of the rider.</param>
    /// <param name="configure">Configures this producer. Called once, when the bus is built.</param>
    /// <inheritdoc cref="AddProducer{TKey, TValue}(IRiderRegistrationConfigurator, string, Action{IRiderRegistrationContext, IKafkaProducerConfigurator{TKey, TValue}})"/>
    public static void AddProducer<TKey, TValue>(
        this IRiderRegistrationConfigurator configurator,
        string topicName,
        ProducerConfig producerConfig,
        Action<IRiderRegistrationContext, IKafkaProducerConfigurator<TKey, TValue>>? configure = null)
        where TValue : class => configurator.Add(topicName, producerConfig, configure);

    /// <summary>Adds an <see cref="ITopicProducer{TValue}"/> of records without a key.</summary>
    /// <exception cref="ConfigurationException">A producer of this value type was added before.</exception>
    /// <inheritdoc cref="AddProducer{TKey, TValue}(IRiderRegistrationConfigurator, string, Action{IRiderRegistrationContext, IKafkaProducerConfigurator{TKey, TValue}})"/>
    public static void AddProducer<TValue>(
        this IRiderRegistrationConfigurator configurator,
        string topicName,
        Action<IRiderRegistrationContext, IKafkaProducerConfigurator<Null, TValue>>? configure = null)
        where TValue : class => configurator.AddProducer(topicName, new ProducerConfig(), NoKey, configure);

    /// <summary>Adds an <see cref="ITopicProducer{TValue}"/> of records without a key.</summary>
    /// <exception cref="ConfigurationException">A producer of this value type was added before.</exception>
    /// <inheritdoc cref="AddProducer{TKey, TValue}(IRiderRegistrationConfigurator, string, ProducerConfig, Action{IRiderRegistrationContext, IKafkaProducerConfigurator{TKey, TValue}})"/>
    public static void AddProducer<TValue>(
        this IRiderRegistrationConfigurator configurator,
        string topicName,
        ProducerConfig producerConfig,
        Action<IRiderRegistrationContext, IKafkaProducerConfigurator<Null, TValue>>? configure = null)
        where TValue : class => configurator.AddProducer(topicName, producerConfig, NoKey, configure);

    /// <summary>
    /// Adds an <see cref="ITopicProducer{TValue}"/>, which computes the key of each record from its message, and an
    /// <see cref="ITopicProducer{TKey, TValue}"/>.
    /// </summary>
    /// <param name="configurator">The rider registration that <c>AddRider</c> hands in.</param>
    /// <param name="topicName">The topic. It is not created.</param>
    /// <param name="keyResolver">Computes the key.</param>
    /// <param name="configure">Configures this producer. Called once, when the bus is built.</param>
    /// <exception cref="ConfigurationException">A producer of this value type, or of this key and value type, was added before.</exception>
    public static void AddProducer<TKey, TValue>(
        this IRiderRegistrationConfigurator configurator,
        string topicName,
        KafkaKeyResolver<TKey, TValue> keyResolver,
        Action<IRiderRegistrationContext, IKafkaProducerConfigurator<TKey, TValue>>? configure = null)
        where TValue : class => configurator.AddProducer(topicName, new ProducerConfig(), keyResolver, configure);

    /// <param name="configurator">The rider registration that <c>AddRider</c> hands in.</param>
    /// <param name="topicName">The topic. It is not created.</param>
    /// <param name="producerConfig">The librdkafka settings of this producer's client. They take precedence over those of the rider.</param>
    /// <param name="keyResolver">Computes the key.</param>
    /// <param name="configure">Configures this producer. Called once, when the bus is built.</param>
    /// <inheritdoc cref="AddProducer{TKey, TValue}(IRiderRegistrationConfigurator, string, KafkaKeyResolver{TKey, TValue}, Action{IRiderRegistrationContext, IKafkaProducerConfigurator{TKey, TValue}})"/>
    public static void AddProducer<TKey, TValue>(
        this IRiderRegistrationConfigurator configurator,
        string topicName,
        ProducerConfig producerConfig,
        KafkaKeyResolver<TKey, TValue> keyResolver,
        Action<IRiderRegistrationContext, IKafkaProducerConfigurator<TKey, TValue>>? configure = null)
        where TValue : class
    {
        ArgumentNullException.ThrowIfNull(keyResolver);
        if (!configurator.GetDeferredRider().Producers.Add(typeof(ITopicProducer<TValue>)))
        {
            throw new ConfigurationException(
                $"A producer of {typeof(TValue).Name} without a key was added before: use ITopicProducerProvider for topic {topicName}.");
        }

        var registration = configurator.Add(topicName, producerConfig, configure);
        configurator.TryAddScoped<ITopicProducer<TValue>>(scope => new KeylessTopicProducer<TKey, TValue>(registration.ProducerIn(scope), keyResolver));
    }

    private static TopicProducerRegistration<TKey, TValue> Add<TKey, TValue>(
        this IRiderRegistrationConfigurator configurator,
        string topicName,
        ProducerConfig producerConfig,
        Action<IRiderRegistrationContext, IKafkaProducerConfigurator<TKey, TValue>>? configure)
        where TValue : class
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(topicName);
        ArgumentNullException.ThrowIfNull(producerConfig);
        var deferredRider = configurator.GetDeferredRider();
        if (!deferredRider.Producers.Add(typeof(ITopicProducer<TKey, TValue>)))
        {
            throw new ConfigurationException(
                $"A producer of {typeof(TValue).Name} with a key of type {typeof(TKey).Name} was added before: use ITopicProducerProvider for topic {topicName}.");
        }

        var registration = new TopicProducerRegistration<TKey, TValue>(topicName, producerConfig, configure, deferredRider);
        configurator.Registrar.GetOrAddRegistration<TopicProducerRegistration>(registration.Type, _ => registration);
        configurator.TryAddScoped<ITopicProducer<TKey, TValue>>(scope => registration.ProducerIn(scope));
        return registration;
    }

    private static Null NoKey<TValue>(KafkaSendContext<TValue> context)
        where TValue : class => null!;
}
