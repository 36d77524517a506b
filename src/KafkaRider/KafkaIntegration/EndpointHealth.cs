using System.Collections.Concurrent;
using System.Diagnostics;
using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// What an endpoint knows of its brokers, its topic and its partitions. It is told by its consumer, and asked by the health check of the bus.
/// </summary>
internal sealed class EndpointHealth(TopicEndpointSettings settings)
{
    /// <summary>How long the brokers may be silent.</summary>
    public static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(6);

    private readonly ConcurrentDictionary<TopicPartition, string> stopped = new();
    private readonly ConcurrentDictionary<ErrorCode, bool> told = new();
    private long answered;
    private long answering;
    private bool assigned;
    private string? trouble;
    private bool suspected;
    private string? denied;
    private string? error;

    /// <summary>How long the brokers have been answering without a pause.</summary>
    public TimeSpan AnsweringFor => IsSilent ? TimeSpan.Zero : Stopwatch.GetElapsedTime(Interlocked.Read(ref answering));

    private bool IsSilent => Stopwatch.GetElapsedTime(Interlocked.Read(ref answered)) > SilenceLimit;

    /// <summary>A client begins.</summary>
    public void Begin()
    {
        stopped.Clear();
        Volatile.Write(ref assigned, false);
        Volatile.Write(ref error, null);
        Volatile.Write(ref denied, null);
        Answered(wrong: null);
    }

    /// <summary>
    /// The brokers have said how it stands with the topic. They learn of a new topic one after another, so what is wrong is
    /// told when two answers in a row agree that something is.
    /// </summary>
    /// <param name="wrong">What is wrong with it; none: nothing.</param>
    /// <returns>Whether something else is told than before.</returns>
    public bool Answered(string? wrong)
    {
        if (IsSilent)
        {
            told.Clear();
            Interlocked.Exchange(ref answering, Stopwatch.GetTimestamp());
        }

        Interlocked.Exchange(ref answered, Stopwatch.GetTimestamp());
        var confirmed = suspected ? wrong : null;
        suspected = wrong is not null;
        return Interlocked.Exchange(ref trouble, confirmed) != confirmed;
    }

    /// <summary>The client has told of an error.</summary>
    /// <returns>Whether one of the kind is news, since the brokers last answered or assigned partitions.</returns>
    public bool Failed(ErrorCode code, string reason)
    {
        Volatile.Write(ref error, reason);
        return told.TryAdd(code, true);
    }

    /// <summary>A grant is missing. The client says so once, and is silent until it is let in.</summary>
    public void Denied(string reason) => Volatile.Write(ref denied, reason);

    public void Received() => Volatile.Write(ref denied, null);

    public void Assigned()
    {
        told.Clear();
        Volatile.Write(ref error, null);
        Volatile.Write(ref denied, null);
        Volatile.Write(ref assigned, true);
    }

    public void Lost() => Volatile.Write(ref assigned, false);

    /// <summary>A partition stands still at a record that could not be handled.</summary>
    public void Stopped(TopicPartitionOffset at, Exception reason) =>
        stopped[at.TopicPartition] = $"{at.Topic}[{at.Partition.Value}] stands still at offset {at.Offset.Value}: {reason.Message}";

    public bool IsStopped(TopicPartition partition) => stopped.ContainsKey(partition);

    /// <summary>The partition has gone to another member, or is begun again.</summary>
    public void Released(TopicPartition partition) => stopped.TryRemove(partition, out _);

    public EndpointHealthResult Judge(EndpointHealthResult core)
    {
        var why = Volatile.Read(ref error) is { } last ? $" ({last})" : string.Empty;
        if (IsSilent && Interlocked.Read(ref answered) > 0)
        {
            return EndpointHealthResult.Unhealthy(core.ReceiveEndpoint, $"no broker answers{why}", core.Exception);
        }

        if ((Volatile.Read(ref denied) ?? Volatile.Read(ref trouble)) is { } wrong)
        {
            return EndpointHealthResult.Unhealthy(core.ReceiveEndpoint, wrong, core.Exception);
        }

        if (!Volatile.Read(ref assigned))
        {
            return EndpointHealthResult.Unhealthy(core.ReceiveEndpoint, $"no partitions are assigned by group {settings.GroupId}{why}", core.Exception);
        }

        return core.Status == BusHealthStatus.Healthy && !stopped.IsEmpty
            ? EndpointHealthResult.Degraded(core.ReceiveEndpoint, string.Join("; ", stopped.Values))
            : core;
    }
}
