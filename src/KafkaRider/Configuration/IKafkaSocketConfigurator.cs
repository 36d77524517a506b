namespace MassTransit;

/// <summary>Connections to brokers.</summary>
public interface IKafkaSocketConfigurator
{
    /// <summary>How long a request may take; librdkafka's default is 60 s.</summary>
    TimeSpan? Timeout { set; }

    /// <summary>Bytes; default: the system's.</summary>
    int? SendBufferBytes { set; }

    /// <summary>Bytes; default: the system's.</summary>
    int? ReceiveBufferBytes { set; }

    /// <summary>Whether idle connections are kept alive; librdkafka's default is no.</summary>
    bool? KeepaliveEnable { set; }

    /// <summary>Whether small writes go out at once; librdkafka's default is yes.</summary>
    bool? NagleDisable { set; }

    /// <summary>After how many failed requests a broker is left; librdkafka's default is 1, and 0 is never.</summary>
    int? MaxFails { set; }
}
