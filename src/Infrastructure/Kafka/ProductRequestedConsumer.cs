using MassTransit;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;
using IMediator = MediatR.IMediator;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>Requests become one <see cref="FillCache"/> per batch.</summary>
internal sealed class ProductRequestedConsumer(IMediator mediator, ILogger<ProductRequestedConsumer> logger) : IConsumer<Batch<ProductRequested>>
{
    public const int MaxBatch = 100;

    /// <summary>How long the first request of a batch waits for company.</summary>
    public static readonly TimeSpan BatchWait = TimeSpan.FromMilliseconds(2);

    /// <summary>Batches that are read from PostgreSQL side by side.</summary>
    public const int MaxBatchesAtOnce = 4;

    public async Task Consume(ConsumeContext<Batch<ProductRequested>> context)
    {
        ProductId[] ids = [.. context.Message.Select(request => new ProductId(request.Message.ProductId))];
        var result = await mediator.Send(new FillCache(ids), context.CancellationToken);
        KafkaLog.Filled(logger, ids.Length, result.Stored, result.AlreadyThere, result.Refused, result.GivenUp);
    }
}

internal static partial class KafkaLog
{
    [LoggerMessage(300, LogLevel.Debug, "{Requests} requests: {Stored} stored, {AlreadyThere} already there, {Refused} refused, {GivenUp} given up")]
    public static partial void Filled(ILogger logger, int requests, int stored, int alreadyThere, int refused, int givenUp);

    [LoggerMessage(301, LogLevel.Information, "Created topic {Topic}")]
    public static partial void TopicCreated(ILogger logger, string topic);

    [LoggerMessage(302, LogLevel.Warning, "Could not create topic {Topic}, it has to be there: {Reason}")]
    public static partial void TopicNotCreated(ILogger logger, string topic, string reason);

    [LoggerMessage(303, LogLevel.Warning, "Kafka was not asked for topics yet, trying again: {Reason}")]
    public static partial void BrokerNotReached(ILogger logger, string reason);
}
