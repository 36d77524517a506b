using System.Diagnostics;
using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>Produces changes to the topic product-changes.</summary>
/// <param name="idType">Null: bigint.</param>
internal sealed class ProductChangeProducer(IServiceScopeFactory scopes, TimeProvider time, ProductIdType? idType = null) : IChangePublisher
{
    public async Task<IReadOnlyList<RefusedChange>> PublishAsync(IReadOnlyList<RecordedChange> changes, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(KafkaOptions.RelayTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var producer = scope.ServiceProvider.GetRequiredService<ITopicProducer<string, ProductChanged>>();
            var refusals = await Task.WhenAll(changes.Select(change => ProduceAsync(producer, change, either.Token)));

            // The size limit of a topic applies to the batch of records: each refused record is retried once, alone.
            List<RefusedChange> refusedAlone = [];
            foreach (var refusal in refusals.OfType<RefusedChange>())
            {
                if (await ProduceAsync(producer, refusal.Change, either.Token) is { } again)
                {
                    refusedAlone.Add(again);
                }
            }

            return refusedAlone;
        }
        catch (Exception exception) when (exception is KafkaException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new UnavailableException(Dependency.Broker, exception);
        }
    }

    private async Task<RefusedChange?> ProduceAsync(
        ITopicProducer<string, ProductChanged> producer, RecordedChange change, CancellationToken cancellationToken)
    {
        // A change whose writer is traced continues that trace; the others belong to the span of their batch.
        using var span = change.Trace.TraceFlags.HasFlag(ActivityTraceFlags.Recorded)
            ? ProductCacheSpans.Begin("outbox relay", ActivityKind.Internal, change.Trace)
            : null;
        try
        {
            var type = idType ?? ProductIdType.Bigint;
            var id = type.TryParse(change.Id, out var parsed) ? parsed : throw new ArgumentException($"The product id is not {type.Rule}.", nameof(change));
            await producer.Produce(id.ToString(), MessageOf(id, type, change), cancellationToken);
            return null;
        }
        catch (KafkaException exception) when (IsFinal(exception.Error))
        {
            return new RefusedChange(change, exception.Error.Reason);
        }
    }

    private static ProductChanged MessageOf(ProductId id, ProductIdType type, RecordedChange change) => new()
    {
        ProductId = MessageIds.NumberOf(id, type),
        Key = MessageIds.KeyOf(id, type),
        Version = change.Version,
        Kind = change.Deleted ? ProductChangeKind.Deleted : ProductChangeKind.Upserted,
        ChangedAt = change.ChangedAt,
    };

    // The record itself is at fault: a retry would not help.
    private static bool IsFinal(Error error) => error.Code
        is ErrorCode.MsgSizeTooLarge or ErrorCode.RecordListTooLarge or ErrorCode.InvalidMsg or ErrorCode.InvalidRecord
        or ErrorCode.InvalidTimestamp or ErrorCode.Local_InvalidArg;
}
