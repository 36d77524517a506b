using System.Diagnostics.CodeAnalysis;
using MassTransit.Configuration;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Finds out whether the only consumer of an endpoint is one of batches. Then each batch of polled records takes one pass through its pipe; core would
/// pass each record through and collect them again.
/// </summary>
internal sealed class BatchConsumerDetector<TValue> : EndpointConfigurationObserver
    where TValue : class
{
    private BatchOptions options = new();
    private Func<IPipe<ConsumeContext<Batch<TValue>>>>? buildPipe;
    private int others;

    /// <summary>Builds the pipe of the batch consumer. Called after the endpoint's specifications are applied.</summary>
    /// <returns>False: the endpoint has other consumers, or groups its batches.</returns>
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
            // Core has built this pipe once for itself; it is built again for the rider.
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
