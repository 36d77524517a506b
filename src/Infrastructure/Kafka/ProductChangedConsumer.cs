using MassTransit;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;
using IMediator = MediatR.IMediator;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>Changes become one <see cref="RefreshCache"/> per batch.</summary>
internal sealed class ProductChangedConsumer(IMediator mediator, ILogger<ProductChangedConsumer> logger) : IConsumer<Batch<ProductChanged>>
{
    public const int MaxBatch = 500;

    /// <summary>How long the first change of a batch waits for company under MassTransit's own rider; this one does not wait.</summary>
    public static readonly TimeSpan BatchWait = TimeSpan.FromMilliseconds(2);

    /// <summary>Batches that are brought to Redis side by side; the protocol does not need an order among them.</summary>
    public const int MaxBatchesAtOnce = 4;

    public async Task Consume(ConsumeContext<Batch<ProductChanged>> context)
    {
        Change[] changes = [.. context.Message.Select(change => ChangeOf(change.Message))];
        var result = await mediator.Send(new RefreshCache(changes), context.CancellationToken);
        MessagingLog.Refreshed(logger, changes.Length, result.Products, result.Replaced, result.Removed);
    }

    private static Change ChangeOf(ProductChanged message) =>
        new(new ProductId(message.ProductId), new ProductVersion(message.Version), message.Kind == ProductChangeKind.Deleted);
}
