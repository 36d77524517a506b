namespace MassTransit.KafkaIntegration;

/// <summary>Every interval and every limit of time of a topic endpoint's consumer. A test may register a record with shorter ones.</summary>
internal sealed record ConsumerTimeouts
{
    /// <summary>How long one poll waits for a record. A stop is noticed within it.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long one poll takes while the partitions are paused, so that consumption resumes soon after there is room.</summary>
    public TimeSpan PausedPollInterval { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// How long polling stops for lack of room before the partitions are paused. A pause discards what the client has fetched ahead; without
    /// polls a rebalance has to wait.
    /// </summary>
    public TimeSpan PauseDelay { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How long the leaders of partitions may take to answer the request that restarts fetching after a pause.</summary>
    public TimeSpan WakeTimeout { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a rebalance waits for records in flight of the partitions that it takes away.</summary>
    public TimeSpan RevokeDrainTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a stop waits for records in flight if the bus sets no ConsumerStopTimeout.</summary>
    public TimeSpan StopDrainTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a stop waits for records in flight after it has cancelled them.</summary>
    public TimeSpan AbortTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long one commit may take.</summary>
    public TimeSpan CommitTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a client may take to leave its group and close.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How soon after a lost session partitions must be assigned again while the brokers answer.</summary>
    public TimeSpan RejoinTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The interval at which the brokers are asked for the state of the topic.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long the brokers may take to answer a probe.</summary>
    public TimeSpan ProbeTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The interval at which the client looks for a topic that does not exist yet, if the endpoint sets none.</summary>
    public TimeSpan MetadataRefreshInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The pause between the failure of a session and the next session.</summary>
    public TimeSpan RestartDelay { get; init; } = TimeSpan.FromSeconds(1);
}
