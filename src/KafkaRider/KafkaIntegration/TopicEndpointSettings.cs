using System.Text.RegularExpressions;
using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>What was said of one endpoint.</summary>
internal sealed class TopicEndpointSettings(string topic, ConsumerConfig consumerConfig)
{
    /// <summary>In a name of a dead-letter topic: the record's topic.</summary>
    private const string TopicPlaceholder = "{topic}";

    public string Topic => topic;

    /// <summary>Whether the topic is a pattern, as librdkafka writes them: then it stands for all topics of such a name.</summary>
    public bool IsPattern => topic.StartsWith('^');

    public ConsumerConfig ConsumerConfig { get; } = new(new Dictionary<string, string>(consumerConfig));

    public string GroupId => ConsumerConfig.GroupId;

    public string? DeadLetterTopic { get; set; } = $"{TopicPlaceholder}.dead-letter";

    /// <summary>
    /// What a pattern must not stand for, as librdkafka writes it: the names of dead-letter topics begin as those of their topics, and what was
    /// put aside would come back.
    /// </summary>
    public string? Ignored => IsPattern && DeadLetterTopic is { } name
        ? $"^{Regex.Escape(name).Replace(Regex.Escape(TopicPlaceholder), ".+", StringComparison.Ordinal)}$"
        : null;

    public TimeSpan CheckpointInterval { get; set; } = TimeSpan.FromSeconds(1);

    public int CheckpointMessageCount { get; set; } = 100;

    public int MessageLimit { get; set; } = 10_000;

    public int PrefetchCount { get; set; }

    public int ConcurrentMessageLimit { get; set; }

    public Offset Offset { get; set; } = Offset.Unset;

    public KafkaTopicOptions? CreateTopic { get; set; }

    public Action<CommittedOffsets>? OffsetsCommitted { get; set; }

    public Action<string>? Statistics { get; set; }

    /// <summary>Where records of a topic go that cannot be handled; none: nowhere.</summary>
    public string? DeadLetterTopicOf(string recordTopic) => DeadLetterTopic?.Replace(TopicPlaceholder, recordTopic, StringComparison.Ordinal);
}
