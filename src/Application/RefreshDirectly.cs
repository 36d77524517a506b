using System.Diagnostics;
using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Brings one page of changes from the outbox to the cache, without the broker. The changes stay in the outbox: the relay publishes them, and
/// the consumer of the topic applies them again. That path is complete and can be replayed; this one is quick.
/// </summary>
public sealed record RefreshDirectly(ChangeLane Lane, OutboxPosition Position) : IRequest<RefreshDirectlyResult>;

/// <param name="Rows">Rows of the outbox that were read; 0: no more wait.</param>
/// <param name="Applied">The changes that were applied.</param>
/// <param name="Skipped">Changes that cannot be applied. The other path reports them.</param>
public sealed record RefreshDirectlyResult(int Rows, IReadOnlyList<RecordedChange> Applied, int Skipped);

/// <param name="idType">Null: bigint.</param>
/// <param name="sharedCaches">Null: there are none.</param>
public sealed class RefreshDirectlyHandler(
    IRecordedChanges outbox, IRequestHandler<RefreshCache, RefreshCacheResult> refresh, ProductIdType? idType = null, ISharedCaches? sharedCaches = null)
    : IRequestHandler<RefreshDirectly, RefreshDirectlyResult>
{
    /// <summary>The limit of changes in one round to the cache.</summary>
    public const int MaxBatch = 500;

    private readonly ProductIdType idType = idType ?? ProductIdType.Bigint;

    public async Task<RefreshDirectlyResult> Handle(RefreshDirectly request, CancellationToken cancellationToken)
    {
        var page = await outbox.ReadAsync(request.Lane, request.Position, cancellationToken);
        List<RecordedChange> applied = new(page.Changes.Count);
        if (page.Changes.Count > 0)
        {
            using var span = ProductCacheSpans.Begin("outbox refresh", ActivityKind.Internal, page.Changes[0].Trace, page.Changes.Count);
            foreach (var batch in page.Changes.Where(change => change.WhyImpossible(idType) is null).Chunk(MaxBatch))
            {
                applied.AddRange(await ApplyAsync(batch, cancellationToken));
            }
        }

        request.Position.Advance(page);
        return new RefreshDirectlyResult(page.Rows.Count, applied, page.Changes.Count - applied.Count);
    }

    private async Task<IReadOnlyList<RecordedChange>> ApplyAsync(RecordedChange[] batch, CancellationToken cancellationToken)
    {
        try
        {
            Change[] changes = [.. batch.Select(change => change.Read(idType))];
            var oldest = batch.Min(change => change.ChangedAt);
            await refresh.Handle(new RefreshCache(changes, oldest), cancellationToken);
            sharedCaches?.PurgeSoon(changes, oldest);
            return batch;
        }
        catch (Exception fault) when (fault is not UnavailableException && !cancellationToken.IsCancellationRequested)
        {
            // One change is at fault. The others must not wait for it; its record becomes a dead letter with the reason.
            List<RecordedChange> applied = [];
            foreach (var change in batch.Length == 1 ? [] : batch)
            {
                applied.AddRange(await ApplyAsync([change], cancellationToken));
            }

            return applied;
        }
    }
}
