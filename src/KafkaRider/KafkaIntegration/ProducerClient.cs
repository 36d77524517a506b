using Confluent.Kafka;
using MassTransit.Configuration;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// A native producer: made at the first produce, made anew only after a fatal error or after the rider was stopped. One serves all topics,
/// save those whose producers have settings of their own.
/// </summary>
internal sealed class ProducerClient(ClientSettings client, ProducerConfig own, Action<string>? statistics, IHostConfiguration host, TimeProvider time)
{
    /// <summary>
    /// How long librdkafka tries to get a record acknowledged. A broker that died is missed after 9 s, unless its cluster says otherwise; then another one leads.
    /// </summary>
    public static readonly TimeSpan MessageTimeout = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Requests on their way to one broker. With more of them, a record that its broker refused counts as written once a later one of its
    /// partition is, although a broker that knows nothing of the producer yet takes the later one without it.
    /// </summary>
    public const int MaxInFlight = 1;

    /// <summary>How long a stop waits for records that are on their way.</summary>
    public static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long a produce then waits for an acknowledgement that came before the client was closed.</summary>
    private static readonly TimeSpan LastTimeout = TimeSpan.FromSeconds(1);

    /// <summary>How long a warm-up waits for the metadata of one topic.</summary>
    public static readonly TimeSpan WarmUpTimeout = TimeSpan.FromSeconds(5);

    /// <summary>What an acknowledgement without an offset is: the client's own conclusion.</summary>
    private const string Unproven =
        "Whether the record was written is not known: a later one of its partition was. This happens only with a MaxInFlight above 1.";

    private const string Unacknowledged = "The client was closed before the record was acknowledged: whether it was written is not known.";

    private readonly Lock gate = new();

    // Only under the gate.
    private NativeClient? current;

    // Only under the gate. A native client that is made after the stop of the rider would be closed by nobody.
    private bool isClosed;

    // Why no broker lets the producer in; none: one does, as far as is known.
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
            // A record that waits for a connection is told that time is up, not what the connection waits for.
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
    /// Connects and learns where the topics are, so that the first produce need not: its caller may have less patience
    /// than a handshake takes. A broker that does not answer is found out again, and told, by that produce.
    /// </summary>
    public void WarmUp(IEnumerable<string> topics)
    {
        using var admin = new DependentAdminClientBuilder(GetOrBuild().Producer.Handle).Build();
        foreach (var topic in topics)
        {
            try
            {
                admin.GetMetadata(topic, WarmUpTimeout);
            }
            catch (KafkaException exception)
            {
                RiderLog.ClientError(host.SendLogContext, exception.Error);
            }
        }
    }

    /// <summary>When the rider starts, again.</summary>
    public void Open()
    {
        lock (gate)
        {
            isClosed = false;
        }
    }

    /// <summary>When the rider was stopped: what is still at work in it makes no native client any more.</summary>
    public void Close()
    {
        NativeClient? last;
        lock (gate)
        {
            isClosed = true;
            (last, current) = (current, null);
        }

        last?.Close();
    }

    private NativeClient GetOrBuild()
    {
        lock (gate)
        {
            return isClosed ? throw DeferredRider.StoppedException() : current ??= new NativeClient(Build(), time);
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

    // Errors that are not fatal heal inside librdkafka.
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

    private NativeClient? TakeBroken(IProducer<byte[]?, byte[]?> broken)
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

    /// <summary>One native client. What is on its way when it is closed ends with it: Confluent's would leave it without an end.</summary>
    private sealed class NativeClient(IProducer<byte[]?, byte[]?> producer, TimeProvider time)
    {
        private readonly CancellationTokenSource closed = new();

        public IProducer<byte[]?, byte[]?> Producer => producer;

        public async Task<DeliveryResult<byte[]?, byte[]?>> ProduceAsync(
            TopicPartition target, Message<byte[]?, byte[]?> message, CancellationToken cancellationToken)
        {
            // Without a token: of a record that it does not take, Confluent's client would keep what waits for it as long as the token lives.
            var delivery = producer.ProduceAsync(target, message, CancellationToken.None);
            try
            {
                return await delivery.WaitAsync(closed.Token).WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception) when (
                exception is ObjectDisposedException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                // What was acknowledged before may still be on its way here.
                await Task.WhenAny(delivery, Task.Delay(LastTimeout, time, CancellationToken.None)).ConfigureAwait(false);
                return delivery.IsCompletedSuccessfully ? await delivery.ConfigureAwait(false) : throw new ProduceException<byte[]?, byte[]?>(
                    new Error(ErrorCode.Local_PurgeQueue, Unacknowledged),
                    new DeliveryResult<byte[]?, byte[]?>
                    {
                        TopicPartitionOffset = new TopicPartitionOffset(target, Offset.Unset),
                        Message = message,
                        Status = PersistenceStatus.PossiblyPersisted,
                    },
                    exception);
            }
        }

        public void Close()
        {
            try
            {
                producer.Flush(FlushTimeout);
            }
            finally
            {
                producer.Dispose();
                closed.Cancel();
            }
        }
    }
}

/// <summary>What all clients of a rider have in common.</summary>
internal sealed class ClientSettings(ClientConfig config)
{
    public ClientConfig Config { get; } = config;

    public Action<IClient, string>? RefreshToken { get; set; }

    /// <summary>A copy of all settings: those of one client win.</summary>
    public ProducerConfig With(ProducerConfig own) => new(Merge(own));

    /// <inheritdoc cref="With(ProducerConfig)"/>
    public ConsumerConfig With(ConsumerConfig own) => new(Merge(own));

    /// <summary>Of a client that reads bytes, and logs in as all do.</summary>
    public ConsumerBuilder<byte[]?, byte[]?> NewConsumer(ConsumerConfig config)
    {
        var builder = new ConsumerBuilder<byte[]?, byte[]?>(config).SetKeyDeserializer(RawBytes.Instance).SetValueDeserializer(RawBytes.Instance);
        return RefreshToken is { } refresh ? builder.SetOAuthBearerTokenRefreshHandler(refresh) : builder;
    }

    private Dictionary<string, string> Merge(ClientConfig own)
    {
        Dictionary<string, string> merged = new(Config);
        foreach (var (key, value) in own)
        {
            merged[key] = value;
        }

        return merged;
    }
}

/// <summary>Keys and values of the native clients: writing and reading them is not theirs.</summary>
internal sealed class RawBytes : ISerializer<byte[]?>, IDeserializer<byte[]?>
{
    public static readonly RawBytes Instance = new();

    public byte[]? Serialize(byte[]? data, SerializationContext context) => data;

    public byte[]? Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context) => isNull ? null : data.ToArray();
}
