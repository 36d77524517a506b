namespace MassTransit.KafkaIntegration;

/// <summary>
/// Finds out that a client does not rejoin its group. librdkafka rejoins by itself after a lost session, except in rare cases (a commit was
/// on its way when the coordinator failed): then only a new client helps.
/// </summary>
internal sealed class RejoinWatch(TimeSpan timeout, Func<TimeSpan> answeringFor, TimeProvider time)
{
    private long? lostAt;

    /// <summary>True when the group has assigned nothing for longer than the timeout although the brokers answered all that time.</summary>
    public bool IsOverdue => lostAt is { } since && time.GetElapsedTime(since) > timeout && answeringFor() > timeout;

    public void Lost() => lostAt = time.GetTimestamp();

    public void Assigned() => lostAt = null;
}
