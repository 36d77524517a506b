namespace MassTransit;

/// <summary>The position of a consumed record; a payload of its <see cref="ConsumeContext"/>.</summary>
public interface KafkaConsumeContext
{
    /// <summary>The group that consumes.</summary>
    string GroupId { get; }

    /// <summary>The topic of the record.</summary>
    string Topic { get; }

    /// <summary>The partition of the record.</summary>
    int Partition { get; }

    /// <summary>The offset of the record.</summary>
    long Offset { get; }

    /// <summary>Always false: the end of a partition is not consumed.</summary>
    bool IsPartitionEof { get; }

    /// <summary>The timestamp of the record.</summary>
    DateTime CheckpointUtcDateTime { get; }
}

/// <inheritdoc cref="KafkaConsumeContext"/>
public interface KafkaConsumeContext<out TKey> : KafkaConsumeContext
{
    /// <summary>The key of the record.</summary>
    TKey Key { get; }
}

/// <summary>Reads the position and the key of a consumed record.</summary>
public static class KafkaConsumeContextExtensions
{
    /// <summary>The partition; <see langword="null"/> if the message did not come from Kafka.</summary>
    public static int? Partition(this ConsumeContext context) =>
        context.TryGetPayload(out KafkaConsumeContext? record) ? record.Partition : null;

    /// <summary>The offset; <see langword="null"/> if the message did not come from Kafka.</summary>
    public static long? Offset(this ConsumeContext context) =>
        context.TryGetPayload(out KafkaConsumeContext? record) ? record.Offset : null;

    /// <summary>Always false: the end of a partition is not consumed.</summary>
    public static bool IsPartitionEof(this ConsumeContext context) =>
        context.TryGetPayload(out KafkaConsumeContext? record) && record.IsPartitionEof;

    /// <summary>The key; the default of <typeparamref name="TKey"/> if the message did not come from Kafka.</summary>
    public static TKey? GetKey<TKey>(this ConsumeContext context) =>
        context.TryGetPayload(out KafkaConsumeContext<TKey>? record) ? record.Key : default;
}
