using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The state of the store at an audit.</summary>
/// <param name="Identity">Changes with a failover, a restored table, another server or another database.</param>
/// <param name="LastVersion">The last version that was drawn; 0: none was.</param>
/// <param name="Faults">Missing or weakened triggers and wrong settings of the sequence, one sentence each.</param>
public sealed record StoreState(string Identity, long LastVersion, IReadOnlyList<string> Faults);

/// <summary>The store's side of the audit. All calls throw <see cref="UnavailableException"/> when the store does not answer in time.</summary>
public interface IStoreAudit
{
    Task<StoreState> InspectAsync(CancellationToken cancellationToken);

    /// <summary>Restores triggers and settings.</summary>
    /// <exception cref="StoreNotRepairedException">A permission is missing, or the table is locked.</exception>
    Task RepairAsync(CancellationToken cancellationToken);

    /// <summary>Scans all rows and draws versions for those that have none.</summary>
    /// <returns>The number of rows that had none.</returns>
    /// <exception cref="StoreNotRepairedException">A permission is missing, or a trigger of another owner refuses the update.</exception>
    Task<int> DrawMissingVersionsAsync(CancellationToken cancellationToken);

    /// <summary>Moves the sequence to <paramref name="version"/>, unless it is beyond it already.</summary>
    /// <returns>The last version afterwards.</returns>
    /// <exception cref="StoreNotRepairedException">A permission is missing, or no versions are left.</exception>
    Task<long> MoveVersionsAsync(long version, CancellationToken cancellationToken);

    /// <summary>Draws new versions for rows whose content changed without one.</summary>
    /// <exception cref="StoreNotRepairedException">A permission is missing.</exception>
    Task RedrawAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken);
}

/// <summary>The store needs a repair that this service may not make; the message names it.</summary>
public sealed class StoreNotRepairedException(string message) : Exception(message);
