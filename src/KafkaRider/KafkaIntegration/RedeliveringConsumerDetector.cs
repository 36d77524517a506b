using MassTransit.Configuration;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Finds consumers that are configured with redelivery (<c>UseDelayedRedelivery</c>, <c>UseScheduledRedelivery</c>). Redelivery sends the message to
/// its input address through the bus, and the bus has no endpoint there.
/// </summary>
internal sealed class RedeliveringConsumerDetector : EndpointConfigurationObserver
{
    public const string Setting = "UseDelayedRedelivery";

    public const string Reason = "must not be used: the bus cannot send a message to a Kafka topic, so the message would be lost; use UseMessageRetry";

    private readonly List<Func<IProbeSite>> pipes = [];

    /// <summary>Whether there is such a consumer. Called after the endpoint's specifications are applied.</summary>
    public bool Any() => pipes.Exists(HasRedelivery);

    public override void ConsumerMessageConfigured<TConsumer, TMessage>(IConsumerMessageConfigurator<TConsumer, TMessage> configurator)
    {
        if (configurator is IConsumerMessageSpecification<TConsumer, TMessage> message)
        {
            pipes.Add(() => message.BuildMessagePipe(_ => { }));
        }
    }

    private static bool HasRedelivery(Func<IProbeSite> build)
    {
        var filters = new Filters();
        try
        {
            build().Probe(filters);
        }
        catch (Exception)
        {
            // A filter of the user cannot be probed. A redelivery then fails when it is attempted, and the record goes to the dead-letter topic.
        }

        return filters.Redelivery;
    }

    /// <summary>Receives the descriptions of filters.</summary>
    private sealed class Filters : ProbeContext
    {
        public bool Redelivery { get; private set; }

        public CancellationToken CancellationToken => CancellationToken.None;

        public void Add(string key, string value) => Redelivery |= key == "type" && value == "redelivery";

        public void Add(string key, object value)
        {
        }

        public void Set(object values)
        {
        }

        public void Set(IEnumerable<KeyValuePair<string, object>> values)
        {
        }

        public ProbeContext CreateScope(string key) => this;
    }
}
