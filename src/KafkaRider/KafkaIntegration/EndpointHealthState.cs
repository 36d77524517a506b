using System.Collections.Immutable;
using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>What an endpoint knows of its brokers, its topic and its partitions at one moment.</summary>
internal sealed record EndpointHealthState
{
    /// <summary>How long the brokers may fail to answer before the endpoint is unhealthy.</summary>
    public static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(6);

    public static readonly EndpointHealthState Initial = new();

    /// <summary>The timestamp of the last answer; null before the first session.</summary>
    public long? AnsweredAt { get; init; }

    /// <summary>The timestamp of the first answer after the last silence.</summary>
    public long AnsweringSince { get; init; }

    public bool IsAssigned { get; init; }

    /// <summary>Whether the last answer reported trouble.</summary>
    public bool IsSuspected { get; init; }

    /// <summary>The trouble with the topic that two answers in a row have confirmed; null if there is none.</summary>
    public string? Trouble { get; init; }

    /// <summary>The grant that is missing; null if none is.</summary>
    public string? Denial { get; init; }

    /// <summary>The last error of the client; null if there was none.</summary>
    public string? Error { get; init; }

    /// <summary>The kinds of errors that the log has already reported.</summary>
    public ImmutableHashSet<ErrorCode> Reported { get; init; } = [];

    /// <summary>For each partition that has stopped, where and why.</summary>
    public ImmutableDictionary<TopicPartition, string> StoppedPartitions { get; init; } = ImmutableDictionary<TopicPartition, string>.Empty;

    public TimeSpan AnsweringFor(TimeProvider time) => IsSilent(time) ? TimeSpan.Zero : time.GetElapsedTime(AnsweringSince);

    /// <summary>A session starts. It counts as an answer, so that the brokers have <see cref="SilenceLimit"/> to give one.</summary>
    public EndpointHealthState Begin(TimeProvider time) =>
        (this with { IsAssigned = false, Error = null, Denial = null, StoppedPartitions = StoppedPartitions.Clear() }).Answered(trouble: null, time);

    /// <summary>
    /// The brokers have reported the state of the topic. They learn of a new topic one after another, so trouble is confirmed only by two
    /// answers in a row.
    /// </summary>
    /// <param name="trouble">What is wrong with the topic; null if nothing is.</param>
    /// <param name="time">The clock.</param>
    public EndpointHealthState Answered(string? trouble, TimeProvider time)
    {
        var now = time.GetTimestamp();
        var afterSilence = IsSilent(time);
        return this with
        {
            AnsweredAt = now,
            AnsweringSince = afterSilence ? now : AnsweringSince,
            Reported = afterSilence ? Reported.Clear() : Reported,
            IsSuspected = trouble is not null,
            Trouble = IsSuspected ? trouble : null,
        };
    }

    public EndpointHealthState Failed(ErrorCode code, string reason) => this with { Error = reason, Reported = Reported.Add(code) };

    /// <summary>A grant is missing. The client reports that once, and then nothing until it has access.</summary>
    public EndpointHealthState Denied(string reason) => this with { Denial = reason };

    public EndpointHealthState Assigned() => this with { IsAssigned = true, Error = null, Denial = null, Reported = Reported.Clear() };

    public EndpointHealthState Stopped(TopicPartitionOffset at, string reason) => this with
    {
        StoppedPartitions = StoppedPartitions.SetItem(
            at.TopicPartition, $"{at.Topic}[{at.Partition.Value}] has stopped at offset {at.Offset.Value}: {reason}"),
    };

    public EndpointHealthState Released(TopicPartition partition) => this with { StoppedPartitions = StoppedPartitions.Remove(partition) };

    /// <param name="core">The result of MassTransit's core.</param>
    /// <param name="groupId">The group of the endpoint.</param>
    /// <param name="time">The clock.</param>
    public EndpointHealthResult Judge(EndpointHealthResult core, string groupId, TimeProvider time)
    {
        var why = Error is null ? string.Empty : $" ({Error})";
        if (AnsweredAt is not null && IsSilent(time))
        {
            return EndpointHealthResult.Unhealthy(core.ReceiveEndpoint, $"no broker answers{why}", core.Exception);
        }

        if ((Denial ?? Trouble) is { } wrong)
        {
            return EndpointHealthResult.Unhealthy(core.ReceiveEndpoint, wrong, core.Exception);
        }

        if (!IsAssigned)
        {
            return EndpointHealthResult.Unhealthy(core.ReceiveEndpoint, $"group {groupId} has assigned no partitions{why}", core.Exception);
        }

        return core.Status == BusHealthStatus.Healthy && !StoppedPartitions.IsEmpty
            ? EndpointHealthResult.Degraded(core.ReceiveEndpoint, string.Join("; ", StoppedPartitions.Values))
            : core;
    }

    private bool IsSilent(TimeProvider time) => AnsweredAt is not { } last || time.GetElapsedTime(last) > SilenceLimit;
}
