using Confluent.Kafka;
using MassTransit.Configuration;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

internal sealed class TopicEndpointConfiguration<TKey, TValue>
    : ReceiveEndpointConfiguration, IKafkaTopicReceiveEndpointConfigurator<TKey, TValue>
    where TValue : class
{
    private readonly IBusInstance bus;
    private readonly KafkaRider rider;
    private readonly TopicEndpointSettings settings;

    public TopicEndpointConfiguration(IBusInstance bus, string topic, ConsumerConfig consumerConfig, KafkaRider rider)
        : base(bus.HostConfiguration, bus.HostConfiguration.CreateReceiveEndpointConfiguration($"kafka/{topic}/{consumerConfig.GroupId}"))
    {
        this.bus = bus;
        this.rider = rider;
        settings = new TopicEndpointSettings(topic, consumerConfig);
        InputAddress = new Uri(HostAddress, $"kafka/{topic}/{consumerConfig.GroupId}");
        PrefetchCount = 1_000;
        ConcurrentMessageLimit = 1;
        PublishFaults = false;

        // The dispatcher then throws for every record that was not handled, and the transport decides its fate.
        this.RethrowFaultedMessages();
        this.ThrowOnSkippedMessages();
    }

    public override Uri HostAddress => bus.HostConfiguration.HostAddress;

    public override Uri InputAddress { get; }

    public AutoOffsetReset? AutoOffsetReset
    {
        set => settings.ConsumerConfig.AutoOffsetReset = value;
    }

    public TimeSpan CheckpointInterval
    {
        set => settings.CheckpointInterval = value;
    }

    public ushort CheckpointMessageCount
    {
        set => settings.CheckpointMessageCount = value;
    }

    public TimeSpan? SessionTimeout
    {
        set => settings.ConsumerConfig.SessionTimeoutMs = value is { } timeout ? (int)timeout.TotalMilliseconds : null;
    }

    public override ReceiveEndpointContext CreateReceiveEndpointContext() => new TopicEndpointContext(bus, this);

    public override IEnumerable<ValidationResult> Validate()
    {
        if (settings.CheckpointInterval < TimeSpan.FromMilliseconds(10) || settings.CheckpointInterval > TimeSpan.FromHours(1))
        {
            yield return this.Failure(nameof(CheckpointInterval), "must be 10 ms to 1 hour");
        }

        if (settings.CheckpointMessageCount == 0)
        {
            yield return this.Failure(nameof(CheckpointMessageCount), "must be at least 1");
        }

        foreach (var result in base.Validate())
        {
            yield return result;
        }
    }

    public ReceiveEndpoint Build()
    {
        // Middleware such as UseMessageRetry is attached while the results are enumerated: to the end, and before the specifications are applied.
        var faults = Validate().Where(result => result.Disposition == ValidationResultDisposition.Failure).ToList();
        if (faults.Count > 0)
        {
            throw new ConfigurationException($"Topic {settings.Topic}: {string.Join("; ", faults.Select(fault => $"{fault.Key} {fault.Message}"))}");
        }

        settings.PrefetchCount = PrefetchCount;
        settings.ConcurrentMessageLimit = ConcurrentMessageLimit ?? 1;
        ApplySpecifications(new ReceiveEndpointBuilder(this));
        var context = CreateReceiveEndpointContext();
        var endpoint = new ReceiveEndpoint(new TopicReceiveTransport<TKey, TValue>(context, settings, rider), context);
        ReceiveEndpoint = endpoint;
        return endpoint;
    }
}

internal sealed class TopicEndpointSettings(string topic, ConsumerConfig consumerConfig)
{
    public string Topic => topic;

    public ConsumerConfig ConsumerConfig { get; } = new(new Dictionary<string, string>(consumerConfig));

    public string GroupId => ConsumerConfig.GroupId;

    public string DeadLetterTopic => $"{topic}.dead-letter";

    public TimeSpan CheckpointInterval { get; set; } = TimeSpan.FromSeconds(1);

    public int CheckpointMessageCount { get; set; } = 100;

    public int PrefetchCount { get; set; }

    public int ConcurrentMessageLimit { get; set; }
}

/// <summary>What is sent or published inside a consumer goes to the bus; topics are produced to with <see cref="ITopicProducer{TKey, TValue}"/>.</summary>
internal sealed class TopicEndpointContext(IBusInstance bus, IReceiveEndpointConfiguration configuration)
    : BaseReceiveEndpointContext(bus.HostConfiguration, configuration)
{
    public override void AddSendAgent(IAgent agent) => throw new NotSupportedException();

    public override void AddConsumeAgent(IAgent agent) => throw new NotSupportedException();

    public override Exception ConvertException(Exception exception, string message) => new ConnectionException(message, exception);

    protected override ISendEndpointProvider CreateSendEndpointProvider() => bus.Bus;

    protected override IPublishEndpointProvider CreatePublishEndpointProvider() => bus.Bus;

    protected override ISendTransportProvider CreateSendTransportProvider() => throw new NotSupportedException();

    protected override IPublishTransportProvider CreatePublishTransportProvider() => throw new NotSupportedException();
}
