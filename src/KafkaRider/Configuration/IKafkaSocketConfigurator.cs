namespace MassTransit;

/// <summary>The connections to brokers.</summary>
public interface IKafkaSocketConfigurator
{
    /// <summary>How long a request may take; librdkafka's default is 60 s.</summary>
    TimeSpan? Timeout { set; }

    /// <summary>In bytes; the default is the operating system's.</summary>
    int? SendBufferBytes { set; }

    /// <summary>In bytes; the default is the operating system's.</summary>
    int? ReceiveBufferBytes { set; }

    /// <summary>Whether TCP keep-alive is on; librdkafka's default is false.</summary>
    bool? KeepaliveEnable { set; }

    /// <summary>Whether small writes are sent at once (TCP_NODELAY); librdkafka's default is true.</summary>
    bool? NagleDisable { set; }

    /// <summary>After how many failed requests the client disconnects; librdkafka's default is 1. 0 means never.</summary>
    int? MaxFails { set; }
}
