using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// One native producer. Produces that are pending when it is closed fail; Confluent's client would never complete them.
/// </summary>
internal sealed class NativeProducer(IProducer<byte[]?, byte[]?> producer, TimeProvider time)
{
    /// <summary>How long closing waits for records that are on their way.</summary>
    public static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long a produce then waits for an acknowledgement that arrived before the client was closed.</summary>
    private static readonly TimeSpan LastAcknowledgementTimeout = TimeSpan.FromSeconds(1);

    private const string Unacknowledged = "The client was closed before the record was acknowledged: it may or may not have been written.";

    private readonly CancellationTokenSource closed = new();
    private readonly Lock metadata = new();

    // Only under the lock of metadata.
    private bool isDisposed;

    public IProducer<byte[]?, byte[]?> Producer => producer;

    public async Task<DeliveryResult<byte[]?, byte[]?>> ProduceAsync(
        TopicPartition target, Message<byte[]?, byte[]?> message, CancellationToken cancellationToken)
    {
        // Without the token: for a record that Confluent's client rejects, it would keep its registration for the lifetime of the token.
        var delivery = producer.ProduceAsync(target, message, CancellationToken.None);
        try
        {
            return await delivery.WaitAsync(closed.Token).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (
            exception is ObjectDisposedException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // A delivery report that arrived before the end may still be on its way to this method: an acknowledgement, or an error that says more.
            await Task.WhenAny(delivery, Task.Delay(LastAcknowledgementTimeout, time, CancellationToken.None)).ConfigureAwait(false);
            return delivery.IsCompleted ? await delivery.ConfigureAwait(false) : throw new ProduceException<byte[]?, byte[]?>(
                new Error(ErrorCode.Local_PurgeQueue, Unacknowledged),
                new DeliveryResult<byte[]?, byte[]?>
                {
                    TopicPartitionOffset = new TopicPartitionOffset(target, Offset.Unset),
                    Message = message,
                    Status = PersistenceStatus.PossiblyPersisted,
                },
                exception);
        }
    }

    /// <summary>
    /// Reads the metadata of a topic, which connects. The native client must not be destroyed meanwhile, so closing waits for it.
    /// </summary>
    /// <returns>False: the client was closed.</returns>
    /// <exception cref="KafkaException">The brokers did not answer in time, or reject the client.</exception>
    public bool TryReadMetadata(string topic, TimeSpan timeout)
    {
        lock (metadata)
        {
            if (isDisposed)
            {
                return false;
            }

            using var admin = new DependentAdminClientBuilder(producer.Handle).Build();
            admin.GetMetadata(topic, timeout);
            return true;
        }
    }

    public void Close()
    {
        try
        {
            producer.Flush(FlushTimeout);
        }
        finally
        {
            lock (metadata)
            {
                isDisposed = true;
                producer.Dispose();
            }

            closed.Cancel();
        }
    }
}
