using System.Diagnostics;
using ProductCache.Domain;

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
public sealed record RecordedChange(string Id, long Version, bool Deleted, DateTimeOffset ChangedAt, ActivityContext Trace = default)
{
    /// <summary>Why this cannot be a change of a product. Null: it can.</summary>
    public string? WhyImpossible(ProductIdType idType) => this switch
    {
        _ when !idType.TryParse(Id, out _) => idType == ProductIdType.Bigint ? "The product id is not positive." : $"The product id is not {idType.Rule}.",
        { Version: <= 0 or > ProductVersion.Max } => "The version is out of range.",
        _ => null,
    };

    /// <exception cref="ArgumentException">It is impossible.</exception>
    public Change Read(ProductIdType idType) => WhyImpossible(idType) is null && idType.TryParse(Id, out var id)
        ? new Change(id, new ProductVersion(Version), Deleted)
        : throw new ArgumentException(WhyImpossible(idType));
}

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
