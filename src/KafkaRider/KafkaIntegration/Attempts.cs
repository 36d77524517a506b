namespace MassTransit.KafkaIntegration;

/// <summary>Counts how often a record, or a batch, was given to a consumer; a payload of its context.</summary>
internal interface IAttempts
{
    void Add();
}

/// <summary>Counts the attempts inside the retries: outside them only the last attempt is visible.</summary>
internal sealed class AttemptCounter : EndpointConfigurationObserver
{
    public override void ConsumerMessageConfigured<TConsumer, TMessage>(IConsumerMessageConfigurator<TConsumer, TMessage> configurator) =>
        configurator.Message(message => message.UseFilter(new Filter<TMessage>()));

    public override void HandlerConfigured<TMessage>(IHandlerConfigurator<TMessage> configurator) =>
        configurator.UseFilter(new Filter<TMessage>());

    public override void SagaMessageConfigured<TSaga, TMessage>(ISagaMessageConfigurator<TSaga, TMessage> configurator) =>
        configurator.Message(message => message.UseFilter(new Filter<TMessage>()));

    private sealed class Filter<TMessage> : IFilter<ConsumeContext<TMessage>>
        where TMessage : class
    {
        public Task Send(ConsumeContext<TMessage> context, IPipe<ConsumeContext<TMessage>> next)
        {
            if (context.TryGetPayload<IAttempts>(out var attempts))
            {
                attempts.Add();
            }

            return next.Send(context);
        }

        public void Probe(ProbeContext context) => context.CreateFilterScope("attempts");
    }
}
