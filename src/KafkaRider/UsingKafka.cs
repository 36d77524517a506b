using Confluent.Kafka;
using MassTransit.KafkaIntegration;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace MassTransit;

/// <summary>Registers the Kafka rider inside <c>AddRider</c>.</summary>
public static class KafkaRiderRegistrationExtensions
{
    /// <summary>
    /// Adds the Kafka rider to the bus. It starts from the settings of a <see cref="ClientConfig"/> in the container, if there is one, and uses the
    /// <see cref="TimeProvider"/> of the container, if there is one.
    /// </summary>
    /// <param name="configurator">The rider registration that <c>AddRider</c> hands in.</param>
    /// <param name="configure">Configures the brokers and the topic endpoints. Called once, while the bus is built.</param>
    public static void UsingKafka(
        this IRiderRegistrationConfigurator configurator, Action<IRiderRegistrationContext, IKafkaFactoryConfigurator> configure) =>
        configurator.SetKafkaRider(null, configure);

    /// <summary>Adds the Kafka rider to the bus.</summary>
    /// <param name="configurator">The rider registration that <c>AddRider</c> hands in.</param>
    /// <param name="clientConfig">The librdkafka settings of all Kafka clients of the rider.</param>
    /// <param name="configure">Configures the brokers and the topic endpoints. Called once, while the bus is built.</param>
    public static void UsingKafka(
        this IRiderRegistrationConfigurator configurator,
        ClientConfig clientConfig,
        Action<IRiderRegistrationContext, IKafkaFactoryConfigurator> configure)
    {
        ArgumentNullException.ThrowIfNull(clientConfig);
        configurator.SetKafkaRider(clientConfig, configure);
    }

    /// <summary>Adds the Kafka rider to one of several buses. It starts from the settings of a <see cref="ClientConfig"/> in the container, if there is one.</summary>
    /// <inheritdoc cref="UsingKafka(IRiderRegistrationConfigurator, Action{IRiderRegistrationContext, IKafkaFactoryConfigurator})"/>
    public static void UsingKafka<TBus>(
        this IRiderRegistrationConfigurator<TBus> configurator, Action<IRiderRegistrationContext, IKafkaFactoryConfigurator> configure)
        where TBus : class, IBus => configurator.SetKafkaRider(null, configure);

    /// <summary>Adds the Kafka rider to one of several buses.</summary>
    /// <inheritdoc cref="UsingKafka(IRiderRegistrationConfigurator, ClientConfig, Action{IRiderRegistrationContext, IKafkaFactoryConfigurator})"/>
    public static void UsingKafka<TBus>(
        this IRiderRegistrationConfigurator<TBus> configurator,
        ClientConfig clientConfig,
        Action<IRiderRegistrationContext, IKafkaFactoryConfigurator> configure)
        where TBus : class, IBus
    {
        ArgumentNullException.ThrowIfNull(clientConfig);
        configurator.SetKafkaRider(clientConfig, configure);
    }

    private static void SetKafkaRider(
        this IRiderRegistrationConfigurator configurator, ClientConfig? clientConfig, Action<IRiderRegistrationContext, IKafkaFactoryConfigurator> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var deferredRider = configurator.GetDeferredRider();
        configurator.SetRiderFactory(new KafkaRiderFactory(clientConfig, configure, deferredRider));
        configurator.TryAddScoped<ITopicProducerProvider>(scope => new TopicProducerProvider(deferredRider, scope));
    }

    // All registrations of a rider share one instance, in any order of registration.
    internal static DeferredRider GetDeferredRider(this IRiderRegistrationConfigurator configurator) =>
        configurator.Registrar.GetOrAddRegistration(typeof(DeferredRider), _ => new DeferredRider());
}
