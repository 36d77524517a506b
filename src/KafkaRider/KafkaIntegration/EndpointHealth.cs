using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>The current health of an endpoint. Its consumer reports events from several threads; the health check of the bus reads it.</summary>
internal sealed class EndpointHealth(string groupId, TimeProvider time)
{
    private readonly Lock gate = new();

    // Written only under the gate.
    private volatile EndpointHealthState state = EndpointHealthState.Initial;

    /// <summary>How long the brokers have answered without a break.</summary>
    public TimeSpan AnsweringFor => state.AnsweringFor(time);

    /// <summary>A session starts.</summary>
    public void Begin() => Update(current => current.Begin(time));

    /// <inheritdoc cref="EndpointHealthState.Answered"/>
    /// <returns>Whether the confirmed trouble has changed.</returns>
    public bool Answered(string? trouble)
    {
        var (before, after) = Update(current => current.Answered(trouble, time));
        return before.Trouble != after.Trouble;
    }

    /// <summary>The client has reported an error.</summary>
    /// <returns>Whether it is the first of its kind since the brokers last answered again or assigned partitions.</returns>
    public bool Failed(ErrorCode code, string reason)
    {
        var (before, after) = Update(current => current.Failed(code, reason));
        return before.Reported != after.Reported;
    }

    /// <inheritdoc cref="EndpointHealthState.Denied"/>
    public void Denied(string reason) => Update(current => current.Denied(reason));

    /// <summary>Records were received, so no grant is missing.</summary>
    public void Received()
    {
        // Called for every poll: only a denial is worth an update.
        if (state.Denial is not null)
        {
            Update(current => current with { Denial = null });
        }
    }

    /// <summary>The group has assigned partitions.</summary>
    public void Assigned() => Update(current => current.Assigned());

    /// <summary>The group has taken all partitions away without notice.</summary>
    public void Lost() => Update(current => current with { IsAssigned = false });

    /// <summary>A partition has stopped at a record that could not be handled.</summary>
    public void Stopped(TopicPartitionOffset at, Exception reason) => Update(current => current.Stopped(at, reason.Message));

    public bool IsStopped(TopicPartition partition) => state.StoppedPartitions.ContainsKey(partition);

    /// <summary>The partition belongs to another member, or was assigned again.</summary>
    public void Released(TopicPartition partition) => Update(current => current.Released(partition));

    /// <summary>Combines what core knows (the endpoint is ready, or has failed) with what the consumer knows of its brokers.</summary>
    public EndpointHealthResult Judge(EndpointHealthResult core) => state.Judge(core, groupId, time);

    private (EndpointHealthState Before, EndpointHealthState After) Update(Func<EndpointHealthState, EndpointHealthState> change)
    {
        lock (gate)
        {
            var before = state;
            state = change(before);
            return (before, state);
        }
    }
}
