namespace MassTransit;

/// <summary>How a client finds out which protocol versions a broker supports.</summary>
public interface IKafkaApiConfigurator
{
    /// <summary>Whether the broker is asked; librdkafka's default is true.</summary>
    bool? Request { set; }

    /// <summary>How long a broker may take to answer; librdkafka's default is 10 s.</summary>
    TimeSpan? RequestTimeout { set; }

    /// <summary>How long <see cref="BrokerVersionFallback"/> is assumed for a broker that did not answer; librdkafka's default is 0.</summary>
    TimeSpan? FallbackTimeout { set; }

    /// <summary>The version that is assumed for a broker that did not answer, for example 0.9.0.</summary>
    string BrokerVersionFallback { set; }
}
