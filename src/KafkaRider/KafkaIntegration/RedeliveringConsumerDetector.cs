using MassTransit.Configuration;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Finds consumers with a redelivery of their own (<c>UseDelayedRedelivery</c>, <c>UseScheduledRedelivery</c>). It sends the message to its
/// input address by way of the bus, and the bus has no endpoint there.
/// </summary>
internal sealed class RedeliveringConsumerDetector : EndpointConfigurationObserver
{
    public const string Setting = "UseDelayedRedelivery";

    public const string Reason = "must not be used: the bus cannot send a message back to a Kafka topic, and it would be lost; use UseMessageRetry";

    private readonly List<Func<IProbeSite>> pipes = [];

    /// <summary>Once the endpoint's specifications are applied.</summary>
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
            // A filter of the user that cannot be probed. Redelivery then fails when it is tried, and the record is dead-lettered.
        }

        return filters.Redelivery;
    }

    /// <summary>Reads how filters describe themselves.</summary>
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
