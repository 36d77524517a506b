namespace ProductCache.Application;

/// <summary>The changes that wait in the outbox, read without taking them from the relays.</summary>
public interface IRecordedChanges
{
    /// <summary>
    /// Reads the oldest changes of a lane that are beyond the position. The position does not move until it is told
    /// (<see cref="OutboxPosition.Advance"/>), so changes that could not be applied are read again.
    /// </summary>
    /// <exception cref="UnavailableException">The store did not answer in time.</exception>
    Task<OutboxPage> ReadAsync(ChangeLane lane, OutboxPosition position, CancellationToken cancellationToken);
}

/// <param name="Rows">The numbers of the rows, ascending.</param>
/// <param name="Changes">Their changes; a row may have several.</param>
/// <param name="HasMore">Whether further rows may wait.</param>
/// <param name="OldestRunning">The oldest transaction that ran when the read began.</param>
/// <param name="NextTransaction">A transaction that had not begun when the read ended, and all after it.</param>
public sealed record OutboxPage(IReadOnlyList<long> Rows, IReadOnlyList<RecordedChange> Changes, bool HasMore, long OldestRunning, long NextTransaction);
