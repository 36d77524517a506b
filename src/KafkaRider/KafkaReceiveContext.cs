using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>The receive context of a consumed record: <c>context.ReceiveContext as KafkaReceiveContext&lt;TKey, T&gt;</c>.</summary>
/// <typeparam name="TKey">The type of the endpoint's keys.</typeparam>
/// <typeparam name="TValue">The type of the endpoint's messages.</typeparam>
public abstract class KafkaReceiveContext<TKey, TValue> : BaseReceiveContext, KafkaConsumeContext<TKey>
    where TValue : class
{
    private protected KafkaReceiveContext(ReceiveEndpointContext endpoint)
        : base(redelivered: false, endpoint)
    {
    }

    /// <inheritdoc/>
    public abstract string GroupId { get; }

    /// <inheritdoc/>
    public abstract string Topic { get; }

    /// <inheritdoc/>
    public abstract int Partition { get; }

    /// <inheritdoc/>
    public abstract long Offset { get; }

    /// <inheritdoc/>
    public abstract bool IsPartitionEof { get; }

    /// <inheritdoc/>
    public abstract DateTime CheckpointUtcDateTime { get; }

    /// <inheritdoc/>
    public abstract TKey Key { get; }
}
