using System.Diagnostics;
using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Publishes one batch of changes from the outbox and removes them.</summary>
public sealed record RelayChanges(ChangeLane Lane) : IRequest<RelayChangesResult>;

/// <param name="Taken">Changes taken from the outbox; 0: it is empty, or other relays hold all changes.</param>
/// <param name="Published">Changes that the broker acknowledged; fewer than taken if one product changed several times.</param>
/// <param name="Parked">Changes that cannot be published and were parked with the reason.</param>
public sealed record RelayChangesResult(int Taken, int Published, int Parked);

/// <param name="idType">Null: bigint.</param>
public sealed class RelayChangesHandler(IChangeOutbox outbox, IChangePublisher publisher, ProductIdType? idType = null) : IRequestHandler<RelayChanges, RelayChangesResult>
{
    private readonly ProductIdType idType = idType ?? ProductIdType.Bigint;

    public async Task<RelayChangesResult> Handle(RelayChanges request, CancellationToken cancellationToken)
    {
        await using var batch = await outbox.TakeAsync(request.Lane, cancellationToken);
        if (batch.Changes.Count == 0)
        {
            return new RelayChangesResult(0, 0, 0);
        }

        using var span = ProductCacheSpans.Begin("outbox relay", ActivityKind.Internal, parent: default, batch.Changes.Count);

        // The newest of each kind: an upsert does not supersede a deletion, nor the reverse, since a row can be committed after a later
        // row of the same id was deleted.
        List<RefusedChange> refused = [];
        Dictionary<(string, bool), RecordedChange> newest = new(batch.Changes.Count);
        foreach (var change in batch.Changes)
        {
            if (change.WhyImpossible(idType) is { } reason)
            {
                refused.Add(new RefusedChange(change, reason));
            }
            else if (!newest.TryGetValue((change.Id, change.Deleted), out var other) || other.Version < change.Version)
            {
                newest[(change.Id, change.Deleted)] = change;
            }
        }

        // In the order of versions: the last record of a product is its newest change.
        var refusedByBroker = await publisher.PublishAsync([.. newest.Values.OrderBy(change => (change.Version, change.Deleted))], cancellationToken);
        refused.AddRange(refusedByBroker);

        // Only after all others are acknowledged.
        await batch.CompleteAsync(refused, cancellationToken);
        return new RelayChangesResult(batch.Changes.Count, newest.Count - refusedByBroker.Count, refused.Count);
    }
}
