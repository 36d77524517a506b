namespace MassTransit;

/// <summary>How it is found out what a broker can do.</summary>
public interface IKafkaApiConfigurator
{
    /// <summary>Whether it is asked; librdkafka's default is yes.</summary>
    bool? Request { set; }

    /// <summary>How long it may take to answer; librdkafka's default is 10 s.</summary>
    TimeSpan? RequestTimeout { set; }

    /// <summary>For how long one that did not answer is taken for the version below; librdkafka's default is 0.</summary>
    TimeSpan? FallbackTimeout { set; }

    /// <summary>What one is taken for that did not answer, as 0.9.0.</summary>
    string BrokerVersionFallback { set; }
}
