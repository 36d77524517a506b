using Confluent.Kafka;
using MassTransit.Configuration;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Owns one native producer, which is created by the first produce, and again only after a fatal error, a restart of the rider or a change of its settings. One client
/// serves all topics, except those whose producers have settings of their own.
/// </summary>
internal sealed class ProducerClient(ClientSettings client, ProducerConfig own, Action<string>? statistics, IHostConfiguration host, TimeProvider time)
{
    /// <summary>
    /// How long librdkafka tries to get a record acknowledged. By default a cluster notices after 9 s that a broker has died, and elects another leader.
    /// </summary>
    public static readonly TimeSpan MessageTimeout = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The number of requests on their way to one broker. With more of them, librdkafka counts a refused record as written as soon as a later
    /// record of its partition is written; but a broker that does not know the producer yet accepts the later record without the earlier one.
    /// </summary>
    public const int MaxInFlight = 1;

    /// <summary>How long a warm-up waits for the metadata of one topic.</summary>
    public static readonly TimeSpan WarmUpTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The part of it after which a warm-up looks whether the client was closed.</summary>
    private static readonly TimeSpan WarmUpSlice = TimeSpan.FromMilliseconds(500);

    /// <summary>The reason of a failure if the acknowledgement has no offset: then it is only the client's own conclusion.</summary>
    private const string Unproven =
        "It is not known whether the record was written: only a later record of its partition was acknowledged. This happens only if MaxInFlight is above 1.";

    private readonly Lock gate = new();

    // Only under the gate.
    private NativeProducer? current;

    // Only under the gate. Nothing would close a native client that is created after the stop of the rider.
    private bool isClosed;

    // Why all brokers reject the producer; null: none has, as far as is known.
    private volatile Error? rejection;

    public async Task<DeliveryResult<byte[]?, byte[]?>> ProduceAsync(
        TopicPartition target, Message<byte[]?, byte[]?> message, CancellationToken cancellationToken)
    {
        DeliveryResult<byte[]?, byte[]?> delivered;
        try
        {
            delivered = await GetOrBuild().ProduceAsync(target, message, cancellationToken).ConfigureAwait(false);
        }
        catch (ProduceException<byte[]?, byte[]?> exception)
        {
            // The error of a record that waited for a connection is a timeout; the rejection is the cause.
            var reason = exception.Error.Code == ErrorCode.Local_MsgTimedOut && rejection is { } why
                ? $"{exception.Error.Reason}: {ErrorText.Of(why)}"
                : ErrorText.Of(exception.Error, target.Topic);
            throw new ProduceException<byte[]?, byte[]?>(
                new Error(exception.Error.Code, reason, exception.Error.IsFatal), exception.DeliveryResult, exception);
        }

        rejection = null;
        return delivered is { Status: PersistenceStatus.Persisted, Offset.IsSpecial: true }
            ? throw new ProduceException<byte[]?, byte[]?>(new Error(ErrorCode.Local_Inconsistent, Unproven), delivered)
            : delivered;
    }

    /// <summary>
    /// Connects and reads the metadata of the topics before the first produce, whose timeout may be shorter than a handshake takes. A failure is
    /// only logged: the first produce reports it to its caller.
    /// </summary>
    public void WarmUp(IEnumerable<string> topics)
    {
        var native = GetOrBuild();
        foreach (var topic in topics)
        {
            var started = time.GetTimestamp();
            while (true)
            {
                try
                {
                    if (!native.TryReadMetadata(topic, WarmUpSlice))
                    {
                        return;
                    }

                    break;
                }
                catch (KafkaException exception)
                {
                    if (exception.Error.Code != ErrorCode.Local_TimedOut || time.GetElapsedTime(started) >= WarmUpTimeout)
                    {
                        RiderLog.ClientError(host.SendLogContext, exception.Error);
                        break;
                    }
                }
            }
        }
    }

    /// <summary>Called by each start of the rider.</summary>
    public void Open()
    {
        lock (gate)
        {
            isClosed = false;
        }
    }

    /// <summary>Called by a stop of the rider: work that is still in progress creates no further native client.</summary>
    public void Close()
    {
        NativeProducer? last;
        lock (gate)
        {
            isClosed = true;
            (last, current) = (current, null);
        }

        last?.Close();
    }

    /// <summary>The next produce creates a new native client. The current one delivers what it has and is closed.</summary>
    public void Replace()
    {
        NativeProducer? replaced;
        lock (gate)
        {
            (replaced, current) = (current, null);
        }

        if (replaced is not null)
        {
            _ = Task.Run(replaced.Close);
        }
    }

    private NativeProducer GetOrBuild()
    {
        lock (gate)
        {
            return isClosed ? throw DeferredRider.StoppedException() : current ??= new NativeProducer(Build(), time);
        }
    }

    private IProducer<byte[]?, byte[]?> Build()
    {
        var config = client.With(own);
        config.Acks ??= Acks.All;
        config.EnableIdempotence ??= config.Acks == Acks.All;
        config.MaxInFlight ??= MaxInFlight;
        config.LingerMs ??= 0;
        config.MessageTimeoutMs ??= (int)MessageTimeout.TotalMilliseconds;
        config.Partitioner ??= Partitioner.Murmur2Random;
        var builder = new ProducerBuilder<byte[]?, byte[]?>(config)
            .SetKeySerializer(RawBytes.Instance)
            .SetValueSerializer(RawBytes.Instance)
            .SetErrorHandler((producer, error) => OnError(producer, error))
            .SetLogHandler((_, message) => RiderLog.Client(host.SendLogContext, message));
        if (client.RefreshToken is { } refresh)
        {
            builder.SetOAuthBearerTokenRefreshHandler(refresh);
        }

        if (statistics is not null)
        {
            builder.SetStatisticsHandler((_, text) => statistics(text));
        }

        return builder.Build();
    }

    // librdkafka recovers from errors that are not fatal.
    private void OnError(IProducer<byte[]?, byte[]?> producer, Error error)
    {
        RiderLog.ClientError(host.SendLogContext, error, again: error.Code == rejection?.Code);
        if (ErrorText.IsRejection(error) || (error.Code == ErrorCode.Local_AllBrokersDown && rejection is null))
        {
            rejection = error;
        }

        if (error.IsFatal && TakeBroken(producer) is { } broken)
        {
            // Not here: this is called on the producer's own poll thread, which Close waits for.
            _ = Task.Run(broken.Close);
        }
    }

    private NativeProducer? TakeBroken(IProducer<byte[]?, byte[]?> broken)
    {
        lock (gate)
        {
            if (!ReferenceEquals(broken, current?.Producer))
            {
                return null;
            }

            var taken = current;
            current = null;
            return taken;
        }
    }
}
