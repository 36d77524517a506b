using MassTransit;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;
using ProductCache.Infrastructure.Kafka;
using IMediator = MediatR.IMediator;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>
/// The purge that is certain. It comes <see cref="PurgeOptions.ConfirmAfter"/> after the change was published, applies the change to Redis
/// first (nothing happens where it has been applied), and its records are done when the shared cache has acknowledged.
/// </summary>
internal sealed class ProductPurgeConsumer<TCache>(
    IMediator mediator, PurgeQueue<TCache> queue, PurgeOptions options, PurgeMetrics metrics, ProductIdType idType, TimeProvider time) : IConsumer<Batch<ProductChanged>>
    where TCache : SharedCache
{
    public const int MaxBatch = 500;

    /// <summary>Batches that wait for their time, or for the shared cache.</summary>
    public const int MaxBatchesAtOnce = 40;

    public async Task Consume(ConsumeContext<Batch<ProductChanged>> context)
    {
        var records = context.Message;
        var left = records.Max(record => PublishedAt(record)) + options.ConfirmAfter - time.GetUtcNow();
        if (left > TimeSpan.Zero)
        {
            // Clocks of other processes may be ahead.
            await Task.Delay(left < options.ConfirmAfter ? left : options.ConfirmAfter, time, context.CancellationToken);
        }

        List<Change> changes = [.. records.Select(record => MessageIds.ChangeOf(record.Message, idType))];
        await mediator.Send(new RefreshCache(changes), context.CancellationToken);
        await queue.PurgeAsync([.. changes.Select(change => new PurgedProduct(change.Id, change))], context.CancellationToken);
        foreach (var record in records)
        {
            metrics.Confirmed(queue.Name, record.Message.ChangedAt);
        }
    }

    private DateTimeOffset PublishedAt(ConsumeContext record) => record.TryGetPayload(out KafkaConsumeContext? position)
        ? new DateTimeOffset(DateTime.SpecifyKind(position.CheckpointUtcDateTime, DateTimeKind.Utc))
        : time.GetUtcNow();
}
