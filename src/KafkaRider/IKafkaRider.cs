using MassTransit.Transports;

namespace MassTransit;

/// <summary>The Kafka rider of a bus.</summary>
public interface IKafkaRider : IRiderControl, ITopicProducerProvider;
