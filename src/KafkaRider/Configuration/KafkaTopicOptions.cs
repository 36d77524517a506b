namespace MassTransit.KafkaIntegration;

/// <summary>The settings of a topic that the rider creates.</summary>
public sealed class KafkaTopicOptions
{
    /// <summary>The number of partitions: 1 to 65,535, default 1.</summary>
    public ushort NumPartitions { get; set; } = 1;

    /// <summary>The replication factor; default 1. -1 means the default of the brokers.</summary>
    public short ReplicationFactor { get; set; } = 1;

    /// <summary>How long the brokers may take to create the topic; default 5 s.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(5);
}
