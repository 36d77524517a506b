using MassTransit;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;
using IMediator = MediatR.IMediator;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>Sends one <see cref="FillCache"/> for each batch of requests.</summary>
internal sealed class ProductRequestedConsumer(
    IMediator mediator, WorkerMetrics metrics, TimeProvider time, ProductIdType idType, ILogger<ProductRequestedConsumer> logger) : IConsumer<Batch<ProductRequested>>
{
    public const int MaxBatch = 100;

    /// <summary>How long the first request of a batch waits for others with the rider of MassTransit. This rider does not wait.</summary>
    public static readonly TimeSpan BatchWait = TimeSpan.FromMilliseconds(2);

    /// <summary>Batches that are read from PostgreSQL concurrently.</summary>
    public const int MaxBatchesAtOnce = 4;

    public async Task Consume(ConsumeContext<Batch<ProductRequested>> context)
    {
        FillRequest[] requests = [.. context.Message.Select(request => RequestOf(request.Message))];
        var began = time.GetTimestamp();
        var result = await mediator.Send(new FillCache(requests), context.CancellationToken);
        metrics.Filled(result, began);
        MessagingLog.Filled(logger, requests.Length, result.Stored, result.AlreadyThere, result.Refused, result.GivenUp);
    }

    private FillRequest RequestOf(ProductRequested message) =>
        new(MessageIds.Read(message.ProductId, message.Key, idType), message.Renews is { } renews ? EntryTimes.Parse(renews) : null);
}
