using Confluent.Kafka;

namespace MassTransit;

/// <summary>The brokers failed a client of the rider.</summary>
public class KafkaConnectionException : ConnectionException
{
    /// <summary>An exception without a reason.</summary>
    public KafkaConnectionException()
    {
    }

    /// <param name="message">What failed.</param>
    public KafkaConnectionException(string message)
        : base(message)
    {
    }

    /// <param name="message">What failed.</param>
    /// <param name="innerException">Why.</param>
    public KafkaConnectionException(string message, Exception innerException)
        : base(message, innerException, IsExceptionTransient(innerException))
    {
    }

    // A fatal error stays until there is a new client.
    private static bool IsExceptionTransient(Exception exception) => exception is not KafkaException { Error.IsFatal: true };
}
