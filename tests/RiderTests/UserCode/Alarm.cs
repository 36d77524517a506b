using MassTransit;

namespace ProductCache.RiderTests.UserCode;

public sealed record AlarmRaised
{
    public Guid AlarmId { get; init; }
}

/// <summary>What is told of an alarm, and by which step.</summary>
public sealed record AlarmNews
{
    public required string Text { get; init; }
}

public sealed class Alarm : SagaStateMachineInstance
{
    public Guid CorrelationId { get; set; }

    public string CurrentState { get; set; } = null!;
}

/// <summary>Produces in all four places where a state machine can: at an event, at a change of state, and at a fault of either.</summary>
public sealed class AlarmStateMachine : MassTransitStateMachine<Alarm>
{
    public AlarmStateMachine()
    {
        InstanceState(alarm => alarm.CurrentState);
        Event(() => AlarmRaised, raised => raised.CorrelateById(context => context.Message.AlarmId));
        Initially(
            When(AlarmRaised)
                .Produce(context => context.Init<AlarmNews>(new { Text = $"raised {context.Message.AlarmId}" }), context => context.Headers.Set("step", "event"))
                .Produce(new AlarmNews { Text = "raised" })
                .Then(_ => throw new InvalidOperationException("Nobody is at home."))
                .Produce(new AlarmNews { Text = "never" })
                .Catch<InvalidOperationException>(fault => fault
                    .Produce(
                        context => Task.FromResult(new AlarmNews { Text = $"{context.Exception.Message} {context.Message.AlarmId}" }),
                        context => context.Headers.Set("step", "fault"))
                    .Produce(Task.FromResult(new AlarmNews { Text = "caught" }))
                    .TransitionTo(Ringing))
                .Catch<TimeoutException>(fault => fault.Produce(new AlarmNews { Text = "not that kind" })));
        WhenEnter(Ringing, entered => entered
            .Produce(context => Task.FromResult(new AlarmNews { Text = $"rings {context.Saga.CorrelationId}" }))
            .Produce(Task.FromResult(new AlarmNews { Text = "rings" }))
            .Then(_ => throw new TimeoutException("It rang too long."))
            .Catch<Exception>(fault => fault
                .Produce(context => context.Init<AlarmNews>(new { Text = $"{context.Exception.Message} {context.Saga.CorrelationId}" }))
                .Produce(new AlarmNews { Text = "silenced" })));
    }

    public State Ringing { get; private set; } = null!;

    public Event<AlarmRaised> AlarmRaised { get; private set; } = null!;
}
