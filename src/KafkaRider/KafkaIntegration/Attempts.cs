namespace MassTransit.KafkaIntegration;

/// <summary>How often a record, or a batch, was given to a consumer; a payload of its context.</summary>
internal interface IAttempts
{
    void Add();
}

/// <summary>Counts inside of the retries: core tells what is outside of them only of the last one.</summary>
internal sealed class AttemptCounter : IConsumerConfigurationObserver, IHandlerConfigurationObserver, ISagaConfigurationObserver
{
    public void ConsumerConfigured<TConsumer>(IConsumerConfigurator<TConsumer> configurator)
        where TConsumer : class
    {
    }

    public void ConsumerMessageConfigured<TConsumer, TMessage>(IConsumerMessageConfigurator<TConsumer, TMessage> configurator)
        where TConsumer : class
        where TMessage : class => configurator.Message(message => message.UseFilter(new Filter<TMessage>()));

    public void HandlerConfigured<TMessage>(IHandlerConfigurator<TMessage> configurator)
        where TMessage : class => configurator.UseFilter(new Filter<TMessage>());

    public void SagaConfigured<TSaga>(ISagaConfigurator<TSaga> configurator)
        where TSaga : class, ISaga
    {
    }

    public void StateMachineSagaConfigured<TInstance>(ISagaConfigurator<TInstance> configurator, SagaStateMachine<TInstance> stateMachine)
        where TInstance : class, ISaga, SagaStateMachineInstance
    {
    }

    public void SagaMessageConfigured<TSaga, TMessage>(ISagaMessageConfigurator<TSaga, TMessage> configurator)
        where TSaga : class, ISaga
        where TMessage : class => configurator.Message(message => message.UseFilter(new Filter<TMessage>()));

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
