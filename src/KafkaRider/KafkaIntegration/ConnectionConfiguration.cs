using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>Writes the settings of connections into the configuration of all clients.</summary>
internal sealed class ConnectionConfiguration(ClientConfig config) : IKafkaSocketConfigurator, IKafkaApiConfigurator
{
    public TimeSpan? Timeout { set => config.SocketTimeoutMs = value.InMilliseconds(); }

    public int? SendBufferBytes { set => config.SocketSendBufferBytes = value; }

    public int? ReceiveBufferBytes { set => config.SocketReceiveBufferBytes = value; }

    public bool? KeepaliveEnable { set => config.SocketKeepaliveEnable = value; }

    public bool? NagleDisable { set => config.SocketNagleDisable = value; }

    public int? MaxFails { set => config.SocketMaxFails = value; }

    public bool? Request { set => config.ApiVersionRequest = value; }

    public TimeSpan? RequestTimeout { set => config.ApiVersionRequestTimeoutMs = value.InMilliseconds(); }

    public TimeSpan? FallbackTimeout { set => config.ApiVersionFallbackMs = value.InMilliseconds(); }

    public string BrokerVersionFallback { set => config.BrokerVersionFallback = value; }
}
