using Confluent.Kafka;
using MassTransit.Configuration;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// One native, idempotent producer for all topics of a rider: made at the first produce, made anew only after a fatal
/// error or after the rider was stopped.
/// </summary>
internal sealed class SharedProducer(ClientConfig clientConfig, IHostConfiguration host)
{
    /// <summary>How long librdkafka tries to get a record acknowledged.</summary>
    public static readonly TimeSpan MessageTimeout = TimeSpan.FromSeconds(10);

    /// <summary>How long a stop waits for records that are on their way.</summary>
    public static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long a warm-up waits for the metadata of one topic.</summary>
    public static readonly TimeSpan WarmUpTimeout = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();

    // Only under the gate.
    private IProducer<byte[]?, byte[]?>? current;

    public Task<DeliveryResult<byte[]?, byte[]?>> ProduceAsync(
        TopicPartition target, Message<byte[]?, byte[]?> message, CancellationToken cancellationToken) =>
        GetOrBuild().ProduceAsync(target, message, cancellationToken);

    /// <summary>
    /// Connects and learns where the topics are, so that the first produce need not: its caller may have less patience
    /// than a handshake takes. A broker that does not answer is found out again, and told, by that produce.
    /// </summary>
    public void WarmUp(IEnumerable<string> topics)
    {
        using var client = new DependentAdminClientBuilder(GetOrBuild().Handle).Build();
        foreach (var topic in topics)
        {
            try
            {
                client.GetMetadata(topic, WarmUpTimeout);
            }
            catch (KafkaException exception)
            {
                KafkaLog.ClientError(host.SendLogContext, exception.Error);
            }
        }
    }

    public void Close()
    {
        var closing = Take(null);
        closing?.Flush(FlushTimeout);
        closing?.Dispose();
    }

    private IProducer<byte[]?, byte[]?> GetOrBuild()
    {
        lock (gate)
        {
            return current ??= Build();
        }
    }

    private IProducer<byte[]?, byte[]?> Build()
    {
        var config = new ProducerConfig(new Dictionary<string, string>(clientConfig))
        {
            EnableIdempotence = true,
            Acks = Acks.All,
            LingerMs = 0,
            MessageTimeoutMs = (int)MessageTimeout.TotalMilliseconds,
            Partitioner = Partitioner.Murmur2Random,
        };
        return new ProducerBuilder<byte[]?, byte[]?>(config)
            .SetKeySerializer(RawBytes.Instance)
            .SetValueSerializer(RawBytes.Instance)
            .SetErrorHandler((producer, error) => OnError(producer, error))
            .SetLogHandler((_, message) => KafkaLog.Client(host.SendLogContext, message))
            .Build();
    }

    // Errors that are not fatal heal inside librdkafka.
    private void OnError(IProducer<byte[]?, byte[]?> producer, Error error)
    {
        KafkaLog.ClientError(host.SendLogContext, error);
        if (error.IsFatal && Take(producer) is { } broken)
        {
            // Not here: this is called on the producer's own poll thread, which Dispose waits for.
            _ = Task.Run(broken.Dispose);
        }
    }

    private IProducer<byte[]?, byte[]?>? Take(IProducer<byte[]?, byte[]?>? expected)
    {
        lock (gate)
        {
            if (expected is not null && !ReferenceEquals(expected, current))
            {
                return null;
            }

            var taken = current;
            current = null;
            return taken;
        }
    }

    private sealed class RawBytes : ISerializer<byte[]?>
    {
        public static readonly RawBytes Instance = new();

        public byte[]? Serialize(byte[]? data, SerializationContext context) => data;
    }
}
