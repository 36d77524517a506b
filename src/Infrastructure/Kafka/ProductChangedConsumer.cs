using MassTransit;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;
using IMediator = MediatR.IMediator;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>Sends one <see cref="RefreshCache"/> for each batch of changes.</summary>
/// <param name="sharedCaches">Null: there are none.</param>
internal sealed class ProductChangedConsumer(
    IMediator mediator, WorkerMetrics metrics, ProductIdType idType, ILogger<ProductChangedConsumer> logger, ISharedCaches? sharedCaches = null) : IConsumer<Batch<ProductChanged>>
{
    public const int MaxBatch = 500;

    /// <summary>How long the first change of a batch waits for others with the rider of MassTransit. This rider does not wait.</summary>
    public static readonly TimeSpan BatchWait = TimeSpan.FromMilliseconds(2);

    /// <summary>Batches that are applied to Redis concurrently. The protocol requires no order among them.</summary>
    public const int MaxBatchesAtOnce = 4;

    public async Task Consume(ConsumeContext<Batch<ProductChanged>> context)
    {
        Change[] changes = [.. context.Message.Select(change => MessageIds.ChangeOf(change.Message, idType))];
        var oldest = context.Message.Min(change => change.Message.ChangedAt);
        var result = await mediator.Send(new RefreshCache(changes, oldest), context.CancellationToken);
        sharedCaches?.PurgeSoon(changes, oldest);
        foreach (var change in context.Message)
        {
            metrics.Applied(change.Message.ChangedAt);
        }

        MessagingLog.Refreshed(logger, changes.Length, result.Products, result.Replaced, result.Removed);
    }
}
