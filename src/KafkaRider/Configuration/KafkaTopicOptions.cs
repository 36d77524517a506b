namespace MassTransit.KafkaIntegration;

/// <summary>How a topic is created.</summary>
public sealed class KafkaTopicOptions
{
    /// <summary>1 to 65,535, default 1.</summary>
    public ushort NumPartitions { get; set; } = 1;

    /// <summary>Default 1; -1: as the brokers are configured.</summary>
    public short ReplicationFactor { get; set; } = 1;

    /// <summary>How long the brokers may take; default 5 s.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(5);
}
