namespace MassTransit;

/// <summary>
/// A record without a value, or with an empty one: its key was deleted. A consumer of this message on a topic endpoint gets the tombstones of
/// the topic (the key by <see cref="KafkaConsumeContextExtensions.GetKey{TKey}"/>); without one they are dead letters.
/// </summary>
/// <typeparam name="T">The messages of the topic.</typeparam>
public sealed record Tombstone<T>
    where T : class;
