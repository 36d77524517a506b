using MassTransit.KafkaIntegration;
using MassTransit.SagaStateMachine;

namespace MassTransit;

/// <summary>
/// Steps of state machines that produce with the <see cref="ITopicProducer{TValue}"/> of the message, which must be added to the rider. If the
/// produce fails, the step fails with its exception; see <see cref="ITopicProducer{TValue}.Produce(TValue, CancellationToken)"/>.
/// </summary>
public static class ProduceExtensions
{
    /// <summary>Produces the given message at every event.</summary>
    /// <param name="source">The steps so far.</param>
    /// <param name="message">The message.</param>
    /// <param name="contextCallback">Sets headers and ids.</param>
    public static EventActivityBinder<TSaga> Produce<TSaga, TMessage>(
        this EventActivityBinder<TSaga> source, TMessage message, Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TMessage : class =>
        source.Add(OnEvent<TSaga, BehaviorContext<TSaga>, TMessage>(MessageFactory<TMessage>.Create(message, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TMessage}(EventActivityBinder{TSaga}, TMessage, Action{SendContext{TMessage}})"/>
    public static EventActivityBinder<TSaga> Produce<TSaga, TMessage>(
        this EventActivityBinder<TSaga> source, Task<TMessage> message, Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TMessage : class =>
        source.Add(OnEvent<TSaga, BehaviorContext<TSaga>, TMessage>(MessageFactory<TMessage>.Create(message, contextCallback)));

    /// <summary>Produces a message that the factory creates at every event.</summary>
    /// <param name="source">The steps so far.</param>
    /// <param name="messageFactory">Creates the message.</param>
    /// <param name="contextCallback">Sets headers and ids.</param>
    public static EventActivityBinder<TSaga> Produce<TSaga, TMessage>(
        this EventActivityBinder<TSaga> source,
        AsyncEventMessageFactory<TSaga, TMessage> messageFactory,
        Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TMessage : class =>
        source.Add(OnEvent<TSaga, BehaviorContext<TSaga>, TMessage>(MessageFactory<TMessage>.Create(messageFactory, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TMessage}(EventActivityBinder{TSaga}, AsyncEventMessageFactory{TSaga, TMessage}, Action{SendContext{TMessage}})"/>
    public static EventActivityBinder<TSaga> Produce<TSaga, TMessage>(
        this EventActivityBinder<TSaga> source,
        Func<BehaviorContext<TSaga>, Task<SendTuple<TMessage>>> messageFactory,
        Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TMessage : class =>
        source.Add(OnEvent<TSaga, BehaviorContext<TSaga>, TMessage>(MessageFactory<TMessage>.Create(messageFactory, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TMessage}(EventActivityBinder{TSaga}, TMessage, Action{SendContext{TMessage}})"/>
    public static EventActivityBinder<TSaga, TData> Produce<TSaga, TData, TMessage>(
        this EventActivityBinder<TSaga, TData> source, TMessage message, Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TData : class
        where TMessage : class =>
        source.Add(OnEvent<TSaga, BehaviorContext<TSaga, TData>, TMessage>(MessageFactory<TMessage>.Create(message, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TMessage}(EventActivityBinder{TSaga}, TMessage, Action{SendContext{TMessage}})"/>
    public static EventActivityBinder<TSaga, TData> Produce<TSaga, TData, TMessage>(
        this EventActivityBinder<TSaga, TData> source, Task<TMessage> message, Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TData : class
        where TMessage : class =>
        source.Add(OnEvent<TSaga, BehaviorContext<TSaga, TData>, TMessage>(MessageFactory<TMessage>.Create(message, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TMessage}(EventActivityBinder{TSaga}, AsyncEventMessageFactory{TSaga, TMessage}, Action{SendContext{TMessage}})"/>
    public static EventActivityBinder<TSaga, TData> Produce<TSaga, TData, TMessage>(
        this EventActivityBinder<TSaga, TData> source,
        AsyncEventMessageFactory<TSaga, TData, TMessage> messageFactory,
        Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TData : class
        where TMessage : class =>
        source.Add(OnEvent<TSaga, BehaviorContext<TSaga, TData>, TMessage>(MessageFactory<TMessage>.Create(messageFactory, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TMessage}(EventActivityBinder{TSaga}, AsyncEventMessageFactory{TSaga, TMessage}, Action{SendContext{TMessage}})"/>
    public static EventActivityBinder<TSaga, TData> Produce<TSaga, TData, TMessage>(
        this EventActivityBinder<TSaga, TData> source,
        Func<BehaviorContext<TSaga, TData>, Task<SendTuple<TMessage>>> messageFactory,
        Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TData : class
        where TMessage : class =>
        source.Add(OnEvent<TSaga, BehaviorContext<TSaga, TData>, TMessage>(MessageFactory<TMessage>.Create(messageFactory, contextCallback)));

    /// <summary>Produces the given message at every fault of this type.</summary>
    /// <param name="source">The steps so far.</param>
    /// <param name="message">The message.</param>
    /// <param name="contextCallback">Sets headers and ids.</param>
    public static ExceptionActivityBinder<TSaga, TException> Produce<TSaga, TException, TMessage>(
        this ExceptionActivityBinder<TSaga, TException> source, TMessage message, Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TException : Exception
        where TMessage : class =>
        source.Add(OnFault<TSaga, BehaviorExceptionContext<TSaga, TException>, TMessage>(MessageFactory<TMessage>.Create(message, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TException, TMessage}(ExceptionActivityBinder{TSaga, TException}, TMessage, Action{SendContext{TMessage}})"/>
    public static ExceptionActivityBinder<TSaga, TException> Produce<TSaga, TException, TMessage>(
        this ExceptionActivityBinder<TSaga, TException> source, Task<TMessage> message, Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TException : Exception
        where TMessage : class =>
        source.Add(OnFault<TSaga, BehaviorExceptionContext<TSaga, TException>, TMessage>(MessageFactory<TMessage>.Create(message, contextCallback)));

    /// <summary>Produces a message that the factory creates at every fault of this type.</summary>
    /// <param name="source">The steps so far.</param>
    /// <param name="messageFactory">Creates the message.</param>
    /// <param name="contextCallback">Sets headers and ids.</param>
    public static ExceptionActivityBinder<TSaga, TException> Produce<TSaga, TException, TMessage>(
        this ExceptionActivityBinder<TSaga, TException> source,
        AsyncEventExceptionMessageFactory<TSaga, TException, TMessage> messageFactory,
        Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TException : Exception
        where TMessage : class =>
        source.Add(OnFault<TSaga, BehaviorExceptionContext<TSaga, TException>, TMessage>(MessageFactory<TMessage>.Create(messageFactory, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TException, TMessage}(ExceptionActivityBinder{TSaga, TException}, AsyncEventExceptionMessageFactory{TSaga, TException, TMessage}, Action{SendContext{TMessage}})"/>
    public static ExceptionActivityBinder<TSaga, TException> Produce<TSaga, TException, TMessage>(
        this ExceptionActivityBinder<TSaga, TException> source,
        Func<BehaviorExceptionContext<TSaga, TException>, Task<SendTuple<TMessage>>> messageFactory,
        Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TException : Exception
        where TMessage : class =>
        source.Add(OnFault<TSaga, BehaviorExceptionContext<TSaga, TException>, TMessage>(MessageFactory<TMessage>.Create(messageFactory, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TException, TMessage}(ExceptionActivityBinder{TSaga, TException}, TMessage, Action{SendContext{TMessage}})"/>
    public static ExceptionActivityBinder<TSaga, TData, TException> Produce<TSaga, TData, TException, TMessage>(
        this ExceptionActivityBinder<TSaga, TData, TException> source, TMessage message, Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TData : class
        where TException : Exception
        where TMessage : class =>
        source.Add(OnFault<TSaga, BehaviorExceptionContext<TSaga, TData, TException>, TMessage>(MessageFactory<TMessage>.Create(message, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TException, TMessage}(ExceptionActivityBinder{TSaga, TException}, TMessage, Action{SendContext{TMessage}})"/>
    public static ExceptionActivityBinder<TSaga, TData, TException> Produce<TSaga, TData, TException, TMessage>(
        this ExceptionActivityBinder<TSaga, TData, TException> source, Task<TMessage> message, Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TData : class
        where TException : Exception
        where TMessage : class =>
        source.Add(OnFault<TSaga, BehaviorExceptionContext<TSaga, TData, TException>, TMessage>(MessageFactory<TMessage>.Create(message, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TException, TMessage}(ExceptionActivityBinder{TSaga, TException}, AsyncEventExceptionMessageFactory{TSaga, TException, TMessage}, Action{SendContext{TMessage}})"/>
    public static ExceptionActivityBinder<TSaga, TData, TException> Produce<TSaga, TData, TException, TMessage>(
        this ExceptionActivityBinder<TSaga, TData, TException> source,
        AsyncEventExceptionMessageFactory<TSaga, TData, TException, TMessage> messageFactory,
        Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TData : class
        where TException : Exception
        where TMessage : class =>
        source.Add(OnFault<TSaga, BehaviorExceptionContext<TSaga, TData, TException>, TMessage>(MessageFactory<TMessage>.Create(messageFactory, contextCallback)));

    /// <inheritdoc cref="Produce{TSaga, TException, TMessage}(ExceptionActivityBinder{TSaga, TException}, AsyncEventExceptionMessageFactory{TSaga, TException, TMessage}, Action{SendContext{TMessage}})"/>
    public static ExceptionActivityBinder<TSaga, TData, TException> Produce<TSaga, TData, TException, TMessage>(
        this ExceptionActivityBinder<TSaga, TData, TException> source,
        Func<BehaviorExceptionContext<TSaga, TData, TException>, Task<SendTuple<TMessage>>> messageFactory,
        Action<SendContext<TMessage>>? contextCallback = null)
        where TSaga : class, SagaStateMachineInstance
        where TData : class
        where TException : Exception
        where TMessage : class =>
        source.Add(OnFault<TSaga, BehaviorExceptionContext<TSaga, TData, TException>, TMessage>(MessageFactory<TMessage>.Create(messageFactory, contextCallback)));

    private static ProduceActivity<TSaga, TContext, TMessage> OnEvent<TSaga, TContext, TMessage>(ContextMessageFactory<TContext, TMessage> messages)
        where TSaga : class, SagaStateMachineInstance
        where TContext : class, BehaviorContext<TSaga>
        where TMessage : class => new(messages, onFault: false);

    private static ProduceActivity<TSaga, TContext, TMessage> OnFault<TSaga, TContext, TMessage>(ContextMessageFactory<TContext, TMessage> messages)
        where TSaga : class, SagaStateMachineInstance
        where TContext : class, BehaviorContext<TSaga>
        where TMessage : class => new(messages, onFault: true);
}
