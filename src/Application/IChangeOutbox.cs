using System.Diagnostics;

namespace ProductCache.Application;

/// <summary>The lanes of the outbox: the changes of large statements have their own, so that a single change never waits for a million.</summary>
public enum ChangeLane
{
    Single,
    Bulk,
}

/// <summary>A change as the database recorded it; its values are not validated yet.</summary>
/// <param name="Id">The id of the product as the store has it.</param>
/// <param name="Trace">The span of the writer, or default.</param>
public sealed record RecordedChange(string Id, long Version, bool Deleted, DateTimeOffset ChangedAt, ActivityContext Trace = default);

/// <summary>A change that will never be published, and the reason.</summary>
public sealed record RefusedChange(RecordedChange Change, string Reason);

/// <summary>The transactional outbox: committed changes of products that are not published yet.</summary>
public interface IChangeOutbox
{
    /// <summary>
    /// Takes the oldest changes of a lane that no other relay holds. They stay in the outbox until the batch is completed. A batch
    /// that is disposed without completion, or whose process dies, returns them.
    /// </summary>
    /// <exception cref="UnavailableException">The store did not answer in time.</exception>
    Task<ChangeBatch> TakeAsync(ChangeLane lane, CancellationToken cancellationToken);
}

/// <summary>Changes that one relay holds.</summary>
public abstract class ChangeBatch : IAsyncDisposable
{
    public abstract IReadOnlyList<RecordedChange> Changes { get; }

    /// <summary>Removes the changes from the outbox and parks the refused ones, in one transaction.</summary>
    /// <exception cref="UnavailableException">The store did not answer in time. The changes may be taken again.</exception>
    public abstract Task CompleteAsync(IReadOnlyList<RefusedChange> refused, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}
