using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>Which dead letters are taken back.</summary>
public sealed class DeadLetterReplayOptions
{
    /// <summary>The group whose committed offsets say where a replay goes on; default: the topic's name with <c>.replay</c> after it.</summary>
    public string? GroupId { get; set; }

    /// <summary>Begins at the oldest letter that the topic still has, whatever was replayed before.</summary>
    public bool FromBeginning { get; set; }

    /// <summary>Letters it says no to stay where they are and are passed by; default: all are taken.</summary>
    public Func<ConsumeResult<byte[]?, byte[]?>, bool> Where { get; set; } = _ => true;

    /// <summary>The most letters that are looked at: 1 and more, default 10,000.</summary>
    public int Limit { get; set; } = 10_000;
}

/// <summary>What became of dead letters.</summary>
/// <param name="Replayed">Records that their topics have acknowledged.</param>
/// <param name="PassedBy">Letters that <see cref="DeadLetterReplayOptions.Where"/> said no to.</param>
/// <param name="Incomplete">Letters that cannot be replayed: they left out what would have made them too large, or do not say where they came from.</param>
public sealed record DeadLetterReplay(int Replayed, int PassedBy, int Incomplete);
