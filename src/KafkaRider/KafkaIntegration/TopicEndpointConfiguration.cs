using Confluent.Kafka;
using MassTransit.Configuration;
using MassTransit.KafkaIntegration.Serializers;
using MassTransit.Middleware;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>Takes what the caller configures for one topic endpoint, and builds the endpoint of it.</summary>
internal sealed class TopicEndpointConfiguration<TKey, TValue>
    : ReceiveEndpointConfiguration, IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>
    where TValue : class
{
    private readonly IBusInstance bus;
    private readonly KafkaRider rider;
    private readonly BatchConsumerDetector<TValue> batchConsumer = new();
    private readonly TombstoneConsumerDetector<TValue> tombstoneConsumer = new();
    private readonly RedeliveringConsumerDetector redelivery = new();
    private readonly List<(string Setting, string Reason)> refused = [];
    private TopicEndpointSettings settings;
    private ushort consumerLimit = 1;
    private bool filtersErrors;
    private IDeserializer<TKey>? keyDeserializer;
    private IDeserializer<TValue>? valueDeserializer;
    private IHeadersDeserializer? headersDeserializer;

    public TopicEndpointConfiguration(IBusInstance bus, string topic, ConsumerConfig consumerConfig, KafkaRider rider)
        : base(bus.HostConfiguration, bus.HostConfiguration.CreateReceiveEndpointConfiguration($"kafka/{topic}/{consumerConfig.GroupId}"))
    {
        this.bus = bus;
        this.rider = rider;
        settings = new TopicEndpointSettings(topic, consumerConfig);
        Health = new EndpointHealth(settings.GroupId, rider.Settings.Time);
        InputAddress = AddressOf(bus, topic, consumerConfig);
        PrefetchCount = 1_000;
        ConcurrentMessageLimit = 1;
        PublishFaults = false;
        Connect(batchConsumer);
        Connect(tombstoneConsumer);
        Connect(redelivery);
    }

    public EndpointHealth Health { get; }

    public override Uri HostAddress => bus.HostConfiguration.HostAddress;

    public override Uri InputAddress { get; }

    public AutoOffsetReset? AutoOffsetReset { set => settings.ConsumerConfig.AutoOffsetReset = value; }

    public long Offset { set => settings = settings with { Offset = value }; }

    public TimeSpan CheckpointInterval { set => settings = settings with { CheckpointInterval = value }; }

    public ushort CheckpointMessageCount { set => settings = settings with { CheckpointMessageCount = value }; }

    public ushort MessageLimit { set => settings = settings with { MessageLimit = value }; }

    public ushort ConcurrentConsumerLimit
    {
        set
        {
            consumerLimit = value;
            Refuse(value == 0, nameof(ConcurrentConsumerLimit), "must be at least 1");
        }
    }

    public int ConcurrentDeliveryLimit
    {
        set => Refuse(value != 1, nameof(ConcurrentDeliveryLimit), "must be 1, or records with the same key would overtake each other; raise ConcurrentMessageLimit");
    }

    public string? DeadLetterTopic { set => settings = settings with { DeadLetterTopic = value }; }

    public string GroupInstanceId { set => settings.ConsumerConfig.GroupInstanceId = value; }

    public PartitionAssignmentStrategy? PartitionAssignmentStrategy { set => settings.ConsumerConfig.PartitionAssignmentStrategy = value; }

    public TimeSpan? SessionTimeout { set => settings.ConsumerConfig.SessionTimeoutMs = value.InMilliseconds(); }

    public TimeSpan? HeartbeatInterval { set => settings.ConsumerConfig.HeartbeatIntervalMs = value.InMilliseconds(); }

    public TimeSpan? MaxPollInterval { set => settings.ConsumerConfig.MaxPollIntervalMs = value.InMilliseconds(); }

    public TimeSpan? CoordinatorQueryInterval { set => settings.ConsumerConfig.CoordinatorQueryIntervalMs = value.InMilliseconds(); }

    public string GroupProtocolType { set => settings.ConsumerConfig.GroupProtocolType = value; }

    public int? QueuedMinMessages { set => settings.ConsumerConfig.QueuedMinMessages = value; }

    public int? QueuedMaxMessagesKbytes { set => settings.ConsumerConfig.QueuedMaxMessagesKbytes = value; }

    public bool? CheckCrcs { set => settings.ConsumerConfig.CheckCrcs = value; }

    public bool? EnableAutoOffsetStore
    {
        set => Refuse(value == true, nameof(EnableAutoOffsetStore), "must not be true: offsets of records in flight would be stored");
    }

    public bool? EnablePartitionEof
    {
        set => Refuse(value == true, nameof(EnablePartitionEof), "must not be true: the end of a partition is not a record that a consumer could receive");
    }

    /// <summary>The address of the endpoint of a group on a topic.</summary>
    public static Uri AddressOf(IBusInstance bus, string topic, ConsumerConfig consumerConfig) =>
        new(bus.HostConfiguration.HostAddress, $"kafka/{topic}/{consumerConfig.GroupId}");

    public void ConfigureFetch(Action<IKafkaFetchConfigurator> configure) => configure(new FetchConfiguration(settings.ConsumerConfig));

    public void UseIsolationLevel(IsolationLevel isolationLevel) => settings.ConsumerConfig.IsolationLevel = isolationLevel;

    public void SetHeadersDeserializer(IHeadersDeserializer deserializer) => headersDeserializer = deserializer;

    public void SetKeyDeserializer(IDeserializer<TKey> deserializer) => keyDeserializer = deserializer;

    public void SetValueDeserializer(IDeserializer<TValue> deserializer) => valueDeserializer = deserializer;

    public void SetOffsetsCommittedHandler(Action<CommittedOffsets> offsetsCommittedHandler) =>
        settings = settings with { OffsetsCommitted = offsetsCommittedHandler };

    public void SetStatisticsHandler(Action<string> statisticsHandler) => settings = settings with { Statistics = statisticsHandler };

    public void CreateIfMissing(Action<KafkaTopicOptions>? configure = null)
    {
        var options = new KafkaTopicOptions();
        configure?.Invoke(options);
        settings = settings with { CreateTopic = options };
    }

    // Called by extensions such as DiscardFaultedMessages.
    void IReceivePipelineConfigurator.ConfigureError(Action<IPipeConfigurator<ExceptionReceiveContext>> callback)
    {
        filtersErrors = true;
        ConfigureError(pipe => callback(new DiscardingPipe<ExceptionReceiveContext>(pipe)));
    }

    // Called by DiscardSkippedMessages.
    void IReceivePipelineConfigurator.ConfigureDeadLetter(Action<IPipeConfigurator<ReceiveContext>> callback) =>
        ConfigureDeadLetter(pipe => callback(new DiscardingPipe<ReceiveContext>(pipe)));

    // Called by UseDelayedRedelivery and UseScheduledRedelivery.
    ConnectHandle IConsumerConfigurationObserverConnector.ConnectConsumerConfigurationObserver(IConsumerConfigurationObserver observer)
    {
        Refuse(observer is DelayedRedeliveryConfigurationObserver or ScheduledRedeliveryConfigurationObserver, RedeliveringConsumerDetector.Setting, RedeliveringConsumerDetector.Reason);
        return ConnectConsumerConfigurationObserver(observer);
    }

    public override ReceiveEndpointContext CreateReceiveEndpointContext() => new TopicEndpointContext(bus, this);

    public override IEnumerable<ValidationResult> Validate()
    {
        foreach (var (setting, reason) in settings.Faults().Concat(refused))
        {
            yield return this.Failure(setting, reason);
        }

        foreach (var result in base.Validate())
        {
            yield return result;
        }
    }

    public ReceiveEndpoint Build()
    {
        // Last, so that the attempts are counted inside all retries.
        Connect(new AttemptCounter());

        // After the filters of the user. Unless one of them ends the pipe, the dispatcher throws for each record that was not handled, and
        // the record goes to the dead-letter topic.
        ConfigureError(pipe => pipe.UseFilter(new RethrowErrorTransportFilter()));
        this.ThrowOnSkippedMessages();

        // Enumerating the results attaches middleware such as UseMessageRetry. So they are enumerated to the end, before the specifications are applied.
        var faults = Validate().Where(result => result.Disposition == ValidationResultDisposition.Failure).ToList();
        if (faults.Count > 0)
        {
            throw new ConfigurationException($"Topic {settings.Topic}: {string.Join("; ", faults.Select(fault => $"{fault.Key} {fault.Message}"))}");
        }

        ApplySpecifications(new ReceiveEndpointBuilder(this));
        if (redelivery.Any())
        {
            throw new ConfigurationException($"Topic {settings.Topic}: {RedeliveringConsumerDetector.Setting} {RedeliveringConsumerDetector.Reason}");
        }

        var context = CreateReceiveEndpointContext();
        if (consumerLimit > 1)
        {
            RiderLog.OneConsumer(context.LogContext.Logger, settings.Topic, settings.GroupId, consumerLimit);
        }

        var isBatch = batchConsumer.TryBuild(out var pipe, out var options);
        if (isBatch && filtersErrors)
        {
            throw new ConfigurationException(
                $"Topic {settings.Topic}: ConfigureError and DiscardFaultedMessages must not be used with a batch consumer: a batch that fails is retried in halves.");
        }

        var built = settings with { PrefetchCount = PrefetchCount, ConcurrentMessageLimit = isBatch ? options.ConcurrencyLimit : ConcurrentMessageLimit ?? 1 };
        var topic = new TopicEndpoint(context, built, rider.Settings.Client, Health, rider.Settings.Timeouts, rider.Settings.Time);
        var deadLetters = new DeadLetters(topic, rider.Producer);
        var reader = Reader();
        var endpoint = new ReceiveEndpoint(
            new TopicReceiveTransport(topic, () => pipe is null
                ? new SingleRecordHandler<TKey, TValue>(topic, reader, deadLetters)
                : new BatchRecordHandler<TKey, TValue>(topic, reader, deadLetters, options, pipe)),
            context);
        ReceiveEndpoint = endpoint;
        return endpoint;
    }

    private void Connect(EndpointConfigurationObserver observer)
    {
        ConnectConsumerConfigurationObserver(observer);
        ConnectHandlerConfigurationObserver(observer);
        ConnectSagaConfigurationObserver(observer);
    }

    // The key is ignored, so a serializer factory need not support its type.
    private IDeserializer<TKey> KeyDeserializer() =>
        typeof(TKey) == typeof(Ignore) ? WireSerializer<TKey>.Instance : rider.Settings.Serializers.GetDeserializer<TKey>();

    private void Refuse(bool isRefused, string setting, string reason)
    {
        if (isRefused)
        {
            refused.Add((setting, reason));
        }
    }

    private RecordReader<TKey, TValue> Reader() => new(
        keyDeserializer ?? KeyDeserializer(),
        valueDeserializer ?? rider.Settings.Serializers.GetDeserializer<TValue>(),
        headersDeserializer ?? rider.Settings.HeadersDeserializer,
        HostAddress)
    {
        Tombstones = tombstoneConsumer.Any,
    };
}
