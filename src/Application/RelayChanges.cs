using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Publishes one batch of the changes that the database has recorded, and strikes them off its list.</summary>
public sealed record RelayChanges(ChangeLane Lane) : IRequest<RelayChangesResult>;

/// <param name="Taken">Changes taken from the outbox; 0: it has none that no other relay is busy with.</param>
/// <param name="Published">Of these, acknowledged; fewer than were taken where one product changed several times.</param>
/// <param name="Parked">Of these, impossible to publish, and set aside with the reason.</param>
public sealed record RelayChangesResult(int Taken, int Published, int Parked);

public sealed class RelayChangesHandler(IChangeOutbox outbox, IChangePublisher publisher) : IRequestHandler<RelayChanges, RelayChangesResult>
{
    public async Task<RelayChangesResult> Handle(RelayChanges request, CancellationToken cancellationToken)
    {
        await using var batch = await outbox.TakeAsync(request.Lane, cancellationToken);
        if (batch.Changes.Count == 0)
        {
            return new RelayChangesResult(0, 0, 0);
        }

        // Of each kind the newest: an upsert does not speak for a deletion, nor the reverse, since a row can be committed
        // after a later one of its id was deleted.
        List<RefusedChange> refused = [];
        Dictionary<(long, bool), RecordedChange> newest = new(batch.Changes.Count);
        foreach (var change in batch.Changes)
        {
            if (WhyImpossible(change) is { } reason)
            {
                refused.Add(new RefusedChange(change, reason));
            }
            else if (!newest.TryGetValue((change.ProductId, change.Deleted), out var other) || other.Version < change.Version)
            {
                newest[(change.ProductId, change.Deleted)] = change;
            }
        }

        // In the order of their versions: who reads the last change of a product sees its newest.
        var refusedByBroker = await publisher.PublishAsync([.. newest.Values.OrderBy(change => (change.Version, change.Deleted))], cancellationToken);
        refused.AddRange(refusedByBroker);

        // Only now, when all else is acknowledged.
        await batch.CompleteAsync(refused, cancellationToken);
        return new RelayChangesResult(batch.Changes.Count, newest.Count - refusedByBroker.Count, refused.Count);
    }

    private static string? WhyImpossible(RecordedChange change) => change switch
    {
        { ProductId: <= 0 } => "The product id is not positive.",
        { Version: <= 0 or > ProductVersion.Max } => "The version is out of range.",
        _ => null,
    };
}
