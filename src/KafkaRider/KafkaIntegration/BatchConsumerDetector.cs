using System.Diagnostics.CodeAnalysis;
using MassTransit.Configuration;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Finds out whether all that an endpoint has is one consumer of batches. It then gets batches of what was polled, in one
/// pass through its pipe, where core would pass each record through and collect them again.
/// </summary>
internal sealed class BatchConsumerDetector<TValue> : EndpointConfigurationObserver
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

    public override void ConsumerConfigured<TConsumer>(IConsumerConfigurator<TConsumer> configurator) =>
        options = configurator.Options<BatchOptions>();

    public override void ConsumerMessageConfigured<TConsumer, TMessage>(IConsumerMessageConfigurator<TConsumer, TMessage> configurator)
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

    public override void HandlerConfigured<TMessage>(IHandlerConfigurator<TMessage> configurator) =>
        others++;

    public override void SagaConfigured<TSaga>(ISagaConfigurator<TSaga> configurator) => others++;

    public override void StateMachineSagaConfigured<TInstance>(ISagaConfigurator<TInstance> configurator, SagaStateMachine<TInstance> stateMachine) =>
        others++;
}
