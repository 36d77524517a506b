using MassTransit;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;
using IMediator = MediatR.IMediator;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>Sends one <see cref="RefreshCache"/> for each batch of changes.</summary>
internal sealed class ProductChangedConsumer(IMediator mediator, WorkerMetrics metrics, ProductIdType idType, ILogger<ProductChangedConsumer> logger) : IConsumer<Batch<ProductChanged>>
{
    public const int MaxBatch = 500;

    /// <summary>How long the first change of a batch waits for others with the rider of MassTransit. This rider does not wait.</summary>
    public static readonly TimeSpan BatchWait = TimeSpan.FromMilliseconds(2);

    /// <summary>Batches that are applied to Redis concurrently. The protocol requires no order among them.</summary>
    public const int MaxBatchesAtOnce = 4;

    public async Task Consume(ConsumeContext<Batch<ProductChanged>> context)
    {
        Change[] changes = [.. context.Message.Select(change => ChangeOf(change.Message))];
        var result = await mediator.Send(
            new RefreshCache(changes, context.Message.Min(change => change.Message.ChangedAt)), context.CancellationToken);
        foreach (var change in context.Message)
        {
            metrics.Applied(change.Message.ChangedAt);
        }

        MessagingLog.Refreshed(logger, changes.Length, result.Products, result.Replaced, result.Removed);
    }

    private Change ChangeOf(ProductChanged message) =>
        new(MessageIds.Read(message.ProductId, message.Key, idType), new ProductVersion(message.Version), message.Kind == ProductChangeKind.Deleted);
}
