using System.Collections.Concurrent;
using MassTransit;

namespace ProductCache.RiderTests.UserCode;

/// <summary>What a consumer knows of a record.</summary>
public sealed record Delivery(object Message, string? Key, int? Partition, long? Offset, string? Tenant, Guid? MessageId);

/// <summary>What the consumers of one container were given.</summary>
public sealed class Deliveries : ConcurrentQueue<Delivery>;

/// <summary>Takes any message that has a key of text.</summary>
public sealed class RecordingConsumer<T>(Deliveries deliveries) : IConsumer<T>
    where T : class
{
    public Task Consume(ConsumeContext<T> context)
    {
        deliveries.Enqueue(new Delivery(
            context.Message,
            context.GetKey<string>(),
            context.Partition(),
            context.Offset(),
            context.Headers.Get<string>("tenant"),
            context.MessageId));
        return Task.CompletedTask;
    }
}

/// <summary>Who the messages are of; one for each scope.</summary>
public sealed class Tenant
{
    public string Name { get; set; } = "nobody";
}

/// <summary>Writes into every message whose it is.</summary>
public sealed class TenantFilter<T>(Tenant tenant) : IFilter<SendContext<T>>
    where T : class
{
    public Task Send(SendContext<T> context, IPipe<SendContext<T>> next)
    {
        context.Headers.Set("tenant", tenant.Name);
        return next.Send(context);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("tenant");
}

public sealed class Shipment : SagaStateMachineInstance
{
    public Guid CorrelationId { get; set; }

    public string CurrentState { get; set; } = null!;
}

public sealed class ShipmentStateMachine : MassTransitStateMachine<Shipment>
{
    public ShipmentStateMachine()
    {
        InstanceState(shipment => shipment.CurrentState);
        Event(() => ShipmentOrdered, ordered => ordered.CorrelateById(context => context.Message.ShipmentId));
        Event(() => ShipmentDelivered, delivered =>
        {
            delivered.CorrelateById(context => context.Message.ShipmentId);
            delivered.OnMissingInstance(missing => missing.Fault());
        });
        Initially(When(ShipmentOrdered).TransitionTo(OnItsWay));
        During(OnItsWay, When(ShipmentDelivered).TransitionTo(Delivered));
    }

    public State OnItsWay { get; private set; } = null!;

    public State Delivered { get; private set; } = null!;

    public Event<ShipmentOrdered> ShipmentOrdered { get; private set; } = null!;

    public Event<ShipmentDelivered> ShipmentDelivered { get; private set; } = null!;
}

/// <summary>A bus beside the first one.</summary>
public interface ISecondBus : IBus;
