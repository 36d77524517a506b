using Confluent.Kafka;
using MassTransit.Configuration;
using MassTransit.Observables;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Stands in for the rider of a bus until the bus has started: producers can be resolved before, and a produce waits for the start.
/// </summary>
internal sealed class DeferredRider : IRegistration
{
    /// <summary>How long a produce waits for the start of the bus.</summary>
    public static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);

    private TaskCompletionSource<KafkaRider> rider = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Type Type => typeof(DeferredRider);

    public bool IncludeInConfigureEndpoints { get; set; }

    /// <summary>The clock of the container, once the rider is configured.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    public SendObservable SendObservers { get; } = new();

    /// <summary>The types of the producers that were added; each may be added once. Another bus has its own rider and producers.</summary>
    public HashSet<Type> Producers { get; } = [];

    /// <exception cref="TimeoutException">The bus did not start in time.</exception>
    /// <exception cref="KafkaException">The bus was stopped.</exception>
    public ValueTask<KafkaRider> StartedAsync(CancellationToken cancellationToken)
    {
        var start = Volatile.Read(ref rider).Task;
        return start.IsCompleted ? new ValueTask<KafkaRider>(start) : WaitAsync(start, cancellationToken);
    }

    public void Started(KafkaRider started)
    {
        if (!rider.TrySetResult(started))
        {
            var again = new TaskCompletionSource<KafkaRider>();
            again.SetResult(started);
            Volatile.Write(ref rider, again);
        }
    }

    public void Stopped()
    {
        var stopped = new TaskCompletionSource<KafkaRider>();
        stopped.SetException(StoppedException());
        Volatile.Write(ref rider, stopped);
    }

    /// <summary>The failure of a produce after the stop of the bus.</summary>
    public static KafkaException StoppedException() => new(new Error(ErrorCode.Local_Destroy, "The bus was stopped: the record was not produced."));

    private async ValueTask<KafkaRider> WaitAsync(Task<KafkaRider> start, CancellationToken cancellationToken)
    {
        try
        {
            return await start.WaitAsync(StartTimeout, Time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The bus did not start within {StartTimeout.TotalSeconds} s: the record was not produced.");
        }
    }
}
