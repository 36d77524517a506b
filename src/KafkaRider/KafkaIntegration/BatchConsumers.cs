using System.Diagnostics.CodeAnalysis;
using MassTransit.Configuration;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Finds out whether all that an endpoint has is one consumer of batches. It then gets batches of what was polled, in one
/// pass through its pipe, where core would pass each record through and collect them again.
/// </summary>
internal sealed class BatchConsumers<TValue> : IConsumerConfigurationObserver, IHandlerConfigurationObserver, ISagaConfigurationObserver
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

    public void SagaConfigured<TSaga>(ISagaConfigurator<TSaga> configurator)
        where TSaga : class, ISaga => others++;

    public void StateMachineSagaConfigured<TInstance>(ISagaConfigurator<TInstance> configurator, SagaStateMachine<TInstance> stateMachine)
        where TInstance : class, ISaga, SagaStateMachineInstance => others++;

    public void SagaMessageConfigured<TSaga, TMessage>(ISagaMessageConfigurator<TSaga, TMessage> configurator)
        where TSaga : class, ISaga
        where TMessage : class
    {
    }
}
