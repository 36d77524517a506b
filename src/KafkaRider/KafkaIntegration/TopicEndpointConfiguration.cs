using System.Diagnostics.CodeAnalysis;
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
    private readonly BatchConsumers<TValue> batchConsumers = new();

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
        ConnectConsumerConfigurationObserver(batchConsumers);
        ConnectHandlerConfigurationObserver(batchConsumers);

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
        var endpoint = new ReceiveEndpoint(new TopicReceiveTransport(context, settings, rider, CreateHandler(context)), context);
        ReceiveEndpoint = endpoint;
        return endpoint;
    }

    private IRecordHandler CreateHandler(ReceiveEndpointContext context)
    {
        var deadLetters = new DeadLetters(settings, rider.Producer, context.LogContext.Logger);
        if (!batchConsumers.TryBuild(out var pipe, out var options))
        {
            return new SingleRecordHandler<TKey, TValue>(context, settings, deadLetters);
        }

        settings.ConcurrentMessageLimit = options.ConcurrencyLimit;
        return new BatchRecordHandler<TKey, TValue>(context, settings, deadLetters, options.MessageLimit, pipe);
    }
}

/// <summary>
/// Finds out whether all that an endpoint has is one consumer of batches. It then gets batches of what was polled, in one
/// pass through its pipe, where core would pass each record through and collect them again.
/// </summary>
internal sealed class BatchConsumers<TValue> : IConsumerConfigurationObserver, IHandlerConfigurationObserver
    where TValue : class
{
    private BatchOptions options = new();
    private Func<IPipe<ConsumeContext<Batch<TValue>>>>? buildPipe;
    private int others;

    /// <summary>Once the endpoint's specifications are applied.</summary>
    public bool TryBuild([NotNullWhen(true)] out IPipe<ConsumeContext<Batch<TValue>>>? pipe, out BatchOptions batchOptions)
    {
        batchOptions = options;
        pipe = others == 0 && options.GroupKeyProvider is null ? buildPipe?.Invoke() : null;
        return pipe is not null;
    }

    public void ConsumerConfigured<TConsumer>(IConsumerConfigurator<TConsumer> configurator)
        where TConsumer : class => options = configurator.Options<BatchOptions>();

    public void ConsumerMessageConfigured<TConsumer, TMessage>(IConsumerMessageConfigurator<TConsumer, TMessage> configurator)
        where TConsumer : class
        where TMessage : class
    {
        if (buildPipe is null && configurator is IConsumerMessageSpecification<TConsumer, Batch<TValue>> batches)
        {
            // What core has built once with the consumer at its end is built again.
            buildPipe = () => batches.BuildMessagePipe(_ => { });
        }
        else
        {
            others++;
        }
    }

    public void HandlerConfigured<TMessage>(IHandlerConfigurator<TMessage> configurator)
        where TMessage : class => others++;
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
