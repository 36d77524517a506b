namespace MassTransit;

/// <summary>
/// A record without a value, or with an empty one: its key was deleted. A consumer of this message on a topic endpoint receives the tombstones of
/// the topic (<see cref="KafkaConsumeContextExtensions.GetKey{TKey}"/> returns the key). Without such a consumer they are dead letters.
/// </summary>
/// <typeparam name="T">The message type of the topic.</typeparam>
public sealed record Tombstone<T>
    where T : class;
