using MassTransit.SagaStateMachine;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit.KafkaIntegration;

/// <summary>A step of a state machine that produces a message: at an event, or when a fault is caught.</summary>
internal sealed class ProduceActivity<TSaga, TContext, TMessage>(ContextMessageFactory<TContext, TMessage> messages, bool onFault)
    : IStateMachineActivity<TSaga>
    where TSaga : class, SagaStateMachineInstance
    where TContext : class, BehaviorContext<TSaga>
    where TMessage : class
{
    public void Accept(StateMachineVisitor visitor) => visitor.Visit(this);

    public void Probe(ProbeContext context) => context.CreateScope(onFault ? "produce-faulted" : "produce");

    public async Task Execute(BehaviorContext<TSaga> context, IBehavior<TSaga> next)
    {
        await ProduceAsync(context, isFault: false).ConfigureAwait(false);
        await next.Execute(context).ConfigureAwait(false);
    }

    public async Task Execute<T>(BehaviorContext<TSaga, T> context, IBehavior<TSaga, T> next)
        where T : class
    {
        await ProduceAsync(context, isFault: false).ConfigureAwait(false);
        await next.Execute(context).ConfigureAwait(false);
    }

    public async Task Faulted<TException>(BehaviorExceptionContext<TSaga, TException> context, IBehavior<TSaga> next)
        where TException : Exception
    {
        await ProduceAsync(context, isFault: true).ConfigureAwait(false);
        await next.Faulted(context).ConfigureAwait(false);
    }

    public async Task Faulted<T, TException>(BehaviorExceptionContext<TSaga, T, TException> context, IBehavior<TSaga, T> next)
        where T : class
        where TException : Exception
    {
        await ProduceAsync(context, isFault: true).ConfigureAwait(false);
        await next.Faulted(context).ConfigureAwait(false);
    }

    // A fault of another type is left to the next step.
    private Task ProduceAsync(BehaviorContext<TSaga> context, bool isFault) => isFault == onFault && context is TContext here
        ? messages.Use(here, (_, message) => ProducerIn(here).Produce(message.Message, message.Pipe, here.CancellationToken))
        : Task.CompletedTask;

    private static ITopicProducer<TMessage> ProducerIn(TContext context) => context.TryGetPayload<IServiceProvider>(out var scope)
        ? scope.GetRequiredService<ITopicProducer<TMessage>>()
        : throw new PayloadNotFoundException($"The state machine runs without a container, so it has no ITopicProducer<{typeof(TMessage).Name}>.");
}
