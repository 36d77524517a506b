using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Publishes one batch of the changes that the database has recorded, and strikes them off its list.</summary>
public sealed record RelayChanges(ChangeLane Lane) : IRequest<RelayChangesResult>;

/// <param name="Taken">Changes taken from the outbox; 0: it has none that no other relay is busy with.</param>
/// <param name="Published">Of these, acknowledged; fewer than were taken where one product changed several times.</param>
/// <param name="Parked">Of these, impossible to publish, and set aside with the reason.</param>
public sealed record RelayChangesResult(int Taken, int Published, int Parked);

/// <summary>Changes of large statements queue beside all others, so that a single change never waits for a million.</summary>
public enum ChangeLane
{
    Single,
    Bulk,
}

/// <summary>A change as the database recorded it, not checked yet.</summary>
public sealed record RecordedChange(long ProductId, long Version, bool Deleted, DateTimeOffset ChangedAt);

/// <summary>A change that will never be published, and why.</summary>
public sealed record RefusedChange(RecordedChange Change, string Reason);

/// <summary>The transactional outbox: what was committed to the products and is not published yet.</summary>
public interface IChangeOutbox
{
    /// <summary>
    /// Takes the oldest changes of a lane that no other relay holds. They stay in the outbox, held by the batch, until it is
    /// completed; a batch that is only disposed (or whose process dies) gives them back.
    /// Throws <see cref="UnavailableException"/> when the store does not answer in time.
    /// </summary>
    Task<IChangeBatch> TakeAsync(ChangeLane lane, CancellationToken cancellationToken);
}

public interface IChangeBatch : IAsyncDisposable
{
    IReadOnlyList<RecordedChange> Changes { get; }

    /// <summary>
    /// Removes the batch from the outbox; what was refused is parked in the same transaction.
    /// Throws <see cref="UnavailableException"/> when the store does not answer in time; the batch may then come again.
    /// </summary>
    Task CompleteAsync(IReadOnlyList<RefusedChange> refused, CancellationToken cancellationToken);
}

/// <summary>Tells other processes that products have changed.</summary>
public interface IChangePublisher
{
    /// <summary>
    /// Returns when the broker has acknowledged every change or refused it for good: those it returns. Throws
    /// <see cref="UnavailableException"/> when it has not in time; some may have been published.
    /// </summary>
    Task<IReadOnlyList<RefusedChange>> PublishAsync(IReadOnlyList<RecordedChange> changes, CancellationToken cancellationToken);
}

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
