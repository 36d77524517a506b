using Confluent.Kafka;
using MassTransit.KafkaIntegration.Serializers;
using MassTransit.Util;

namespace MassTransit.KafkaIntegration;

/// <summary>The settings of one producer.</summary>
internal sealed class ProducerSettings<TKey, TValue>(ProducerConfig config) : IKafkaProducerConfigurator<TKey, TValue>
    where TValue : class
{
    public ProducerConfig Config { get; } = new(new Dictionary<string, string>(config));

    public Action<string>? StatisticsHandler { get; private set; }

    public bool NeedsItsOwnClient => Config.Any() || StatisticsHandler is not null;

    /// <summary>Why the settings are refused; null if they are not.</summary>
    public string? Refusal => Config switch
    {
        { EnableDeliveryReports: false } => "EnableDeliveryReports must not be false: a produce returns when the record is acknowledged",
        { EnableBackgroundPoll: false } => "EnableBackgroundPoll must not be false: the rider does not poll for delivery reports itself",
        { TransactionalId.Length: > 0 } => "TransactionalId must not be set: transactions are not supported",
        _ => null,
    };

    public IAsyncSerializer<TKey>? KeySerializer { get; private set; }

    public IAsyncSerializer<TValue>? ValueSerializer { get; private set; }

    public IHeadersSerializer? HeadersSerializer { get; private set; }

    public List<Action<ISendPipeConfigurator>> SendPipe { get; } = [];

    public List<ISendObserver> SendObservers { get; } = [];

    public int? BatchNumMessages { set => Config.BatchNumMessages = value; }

    public CompressionType? CompressionType { set => Config.CompressionType = value; }

    public int? CompressionLevel { set => Config.CompressionLevel = value; }

    public int? QueueBufferingBackpressureThreshold { set => Config.QueueBufferingBackpressureThreshold = value; }

    public int? QueueBufferingMaxKbytes { set => Config.QueueBufferingMaxKbytes = value; }

    public int? QueueBufferingMaxMessages { set => Config.QueueBufferingMaxMessages = value; }

    public TimeSpan? RetryBackoff { set => Config.RetryBackoffMs = value.InMilliseconds(); }

    public int? MessageSendMaxRetries { set => Config.MessageSendMaxRetries = value; }

    public TimeSpan? Linger { set => Config.LingerMs = value?.TotalMilliseconds; }

    public bool? EnableIdempotence { set => Config.EnableIdempotence = value; }

    public bool? EnableGaplessGuarantee { set => Config.EnableGaplessGuarantee = value; }

    public Partitioner? Partitioner { set => Config.Partitioner = value; }

    public TimeSpan? MessageTimeout { set => Config.MessageTimeoutMs = value.InMilliseconds(); }

    public TimeSpan? RequestTimeout { set => Config.RequestTimeoutMs = value.InMilliseconds(); }

    public bool? EnableDeliveryReports { set => Config.EnableDeliveryReports = value; }

    public bool? EnableBackgroundPoll { set => Config.EnableBackgroundPoll = value; }

    public string DeliveryReportFields { set => Config.DeliveryReportFields = value; }

    public string TransactionalId { set => Config.TransactionalId = value; }

    public TimeSpan? TransactionTimeout { set => Config.TransactionTimeoutMs = value.InMilliseconds(); }

    public void SetStatisticsHandler(Action<string> statisticsHandler) => StatisticsHandler = statisticsHandler;

    public void SetHeadersSerializer(IHeadersSerializer serializer) => HeadersSerializer = serializer;

    public void SetKeySerializer(IAsyncSerializer<TKey> serializer) => KeySerializer = serializer;

    public void SetValueSerializer(IAsyncSerializer<TValue> serializer) => ValueSerializer = serializer;

    public void ConfigureSend(Action<ISendPipeConfigurator> callback) => SendPipe.Add(callback);

    public ConnectHandle ConnectSendObserver(ISendObserver observer)
    {
        SendObservers.Add(observer);
        return new EmptyConnectHandle();
    }
}
