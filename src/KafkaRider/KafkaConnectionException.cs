using Confluent.Kafka;

namespace MassTransit;

/// <summary>A client of the rider has failed to reach or use its brokers.</summary>
public class KafkaConnectionException : ConnectionException
{
    /// <summary>An exception without a message.</summary>
    public KafkaConnectionException()
    {
    }

    /// <param name="message">What failed.</param>
    public KafkaConnectionException(string message)
        : base(message)
    {
    }

    /// <param name="message">What failed.</param>
    /// <param name="innerException">The cause.</param>
    public KafkaConnectionException(string message, Exception innerException)
        : base(message, innerException, IsExceptionTransient(innerException))
    {
    }

    // A fatal error persists until a new client is created.
    private static bool IsExceptionTransient(Exception exception) => exception is not KafkaException { Error.IsFatal: true };
}
