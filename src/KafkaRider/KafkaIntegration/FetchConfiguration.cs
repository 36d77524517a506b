using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>Writes how records are fetched into the settings of an endpoint's client.</summary>
internal sealed class FetchConfiguration(ConsumerConfig config) : IKafkaFetchConfigurator
{
    public TimeSpan? WaitMaxInterval { set => config.FetchWaitMaxMs = value.InMilliseconds(); }

    public int? MaxPartitionBytes { set => config.MaxPartitionFetchBytes = value; }

    public int? MaxBytes { set => config.FetchMaxBytes = value; }

    public int? MinBytes { set => config.FetchMinBytes = value; }

    public TimeSpan? ErrorBackoffInterval { set => config.FetchErrorBackoffMs = value.InMilliseconds(); }
}
