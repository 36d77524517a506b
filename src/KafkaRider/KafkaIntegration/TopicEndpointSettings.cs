using System.Text.RegularExpressions;
using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>The settings of one topic endpoint.</summary>
internal sealed record TopicEndpointSettings
{
    /// <summary>In the name of a dead-letter topic it stands for the record's topic.</summary>
    private const string TopicPlaceholder = "{topic}";

    public TopicEndpointSettings(string topic, ConsumerConfig consumerConfig)
    {
        Topic = topic;
        ConsumerConfig = new ConsumerConfig(new Dictionary<string, string>(consumerConfig));
    }

    public string Topic { get; }

    /// <summary>Whether the topic is a regular expression in librdkafka's syntax. It then stands for all topics whose name it matches.</summary>
    public bool IsPattern => Topic.StartsWith('^');

    /// <summary>A copy of the settings of the client; complete once the endpoint is built.</summary>
    public ConsumerConfig ConsumerConfig { get; }

    public string GroupId => ConsumerConfig.GroupId;

    public string? DeadLetterTopic { get; init; } = $"{TopicPlaceholder}.dead-letter";

    /// <summary>
    /// The regular expression of the topics that a pattern must not match: the name of a dead-letter topic begins with the name of its topic, and
    /// dead letters would be consumed.
    /// </summary>
    public string? Ignored => IsPattern && DeadLetterTopic is { } name
        ? $"^{Regex.Escape(name).Replace(Regex.Escape(TopicPlaceholder), ".+", StringComparison.Ordinal)}$"
        : null;

    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(1);

    public int CheckpointMessageCount { get; init; } = 100;

    public int MessageLimit { get; init; } = 10_000;

    public int PrefetchCount { get; init; }

    public int ConcurrentMessageLimit { get; init; }

    public Offset Offset { get; init; } = Offset.Unset;

    public KafkaTopicOptions? CreateTopic { get; init; }

    public Action<CommittedOffsets>? OffsetsCommitted { get; init; }

    public Action<string>? Statistics { get; init; }

    /// <summary>The topic for records that cannot be handled; null: there is none.</summary>
    public string? DeadLetterTopicOf(string recordTopic) => DeadLetterTopic?.Replace(TopicPlaceholder, recordTopic, StringComparison.Ordinal);

    /// <summary>What is wrong with the settings, by the name that callers know each setting by.</summary>
    public IEnumerable<(string Setting, string Reason)> Faults()
    {
        if (CheckpointInterval < TimeSpan.FromMilliseconds(10) || CheckpointInterval > TimeSpan.FromHours(1))
        {
            yield return (nameof(CheckpointInterval), "must be 10 ms to 1 hour");
        }

        if (CheckpointMessageCount == 0)
        {
            yield return (nameof(CheckpointMessageCount), "must be at least 1");
        }

        if (MessageLimit == 0)
        {
            yield return (nameof(MessageLimit), "must be at least 1");
        }

        if (string.Equals(DeadLetterTopicOf(Topic), Topic, StringComparison.Ordinal))
        {
            yield return (nameof(DeadLetterTopic), "must be another topic");
        }

        if (IsPattern && CreateTopic is not null)
        {
            yield return (nameof(IKafkaTopicReceiveEndpointConfigurator.CreateIfMissing), "needs the name of a topic, not a pattern");
        }
    }
}
