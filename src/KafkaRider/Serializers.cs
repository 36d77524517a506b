using Confluent.Kafka;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration.Serializers;

/// <summary>Writes the headers of a record.</summary>
public interface IHeadersSerializer
{
    /// <summary>Of a message that has passed all send pipes.</summary>
    Confluent.Kafka.Headers Serialize(SendContext context);
}

/// <summary>Reads the headers of a record.</summary>
public interface IHeadersDeserializer
{
    /// <summary>An exception sends the record to the dead-letter topic.</summary>
    IHeaderProvider Deserialize(Confluent.Kafka.Headers headers);
}

/// <summary>Writes and reads keys and values.</summary>
public interface IKafkaSerializerFactory
{
    /// <summary>Not written to records: they have no envelope.</summary>
    System.Net.Mime.ContentType ContentType { get; }

    /// <summary>Of keys or values of one type.</summary>
    IDeserializer<T> GetDeserializer<T>();

    /// <summary>Of keys or values of one type.</summary>
    IAsyncSerializer<T> GetSerializer<T>();
}
