using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>Which dead letters are replayed.</summary>
public sealed class DeadLetterReplayOptions
{
    /// <summary>The group whose committed offsets are where a replay continues; default: the topic's name followed by <c>.replay</c>.</summary>
    public string? GroupId { get; set; }

    /// <summary>Starts at the oldest letter that the topic still has, even if it was replayed before.</summary>
    public bool FromBeginning { get; set; }

    /// <summary>Selects letters: those for which it returns false are skipped and stay in the topic; default: all are replayed.</summary>
    public Func<ConsumeResult<byte[]?, byte[]?>, bool> Where { get; set; } = _ => true;

    /// <summary>The largest number of letters that are read: at least 1, default 10,000.</summary>
    public int Limit { get; set; } = 10_000;
}

/// <summary>The outcome of a replay.</summary>
/// <param name="Replayed">The number of records that their topics have acknowledged.</param>
/// <param name="PassedBy">The number of letters that <see cref="DeadLetterReplayOptions.Where"/> rejected.</param>
/// <param name="Incomplete">The number of letters that cannot be replayed: a part was omitted because it was too large, or the topic of origin is missing.</param>
public sealed record DeadLetterReplay(int Replayed, int PassedBy, int Incomplete);
