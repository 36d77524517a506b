using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The ids of all products.</summary>
public interface IProductIds
{
    /// <summary>The next ids in their order.</summary>
    /// <param name="after">The last id before. Null: from the first.</param>
    /// <param name="name">Part of the name. Null: all products.</param>
    /// <exception cref="UnavailableException">The store did not answer in time.</exception>
    Task<IReadOnlyList<ProductId>> ReadAsync(ProductId? after, string? name, int limit, CancellationToken cancellationToken);

    /// <summary>The number of products, as the statistics of the store estimate it.</summary>
    /// <exception cref="UnavailableException">The store did not answer in time.</exception>
    Task<long> EstimateAsync(CancellationToken cancellationToken);
}

/// <summary>Changes that could not be published.</summary>
public interface IParkedChanges
{
    /// <summary>The oldest parked changes.</summary>
    /// <exception cref="UnavailableException">The store did not answer in time.</exception>
    Task<IReadOnlyList<ParkedChange>> ListAsync(int limit, CancellationToken cancellationToken);

    /// <summary>Puts parked changes into the outbox again. A change that still cannot be published is parked again.</summary>
    /// <param name="ids">Null: all.</param>
    /// <returns>The number of changes.</returns>
    /// <exception cref="UnavailableException">The store did not answer in time.</exception>
    /// <exception cref="StoreNotRepairedException">A permission is missing.</exception>
    Task<int> RetryAsync(IReadOnlyCollection<long>? ids, CancellationToken cancellationToken);
}

public sealed record ParkedChange(long Id, string ProductId, long Version, bool Deleted, DateTimeOffset ChangedAt, string Reason, DateTimeOffset ParkedAt);

/// <summary>Records that could not be processed. All calls throw <see cref="UnavailableException"/> when the broker does not answer in time.</summary>
public interface IDeadLetters
{
    /// <summary>The oldest dead letters of all topics.</summary>
    Task<IReadOnlyList<DeadLetter>> ListAsync(int limit, CancellationToken cancellationToken);

    /// <summary>Produces letters to the topics that they came from again.</summary>
    /// <param name="ids">See <see cref="DeadLetter.Id"/>. Null: all that were not replayed yet.</param>
    /// <returns>The numbers of letters that were replayed, and of those that cannot be.</returns>
    Task<(int Replayed, int Incomplete)> ReplayAsync(IReadOnlyCollection<string>? ids, CancellationToken cancellationToken);
}

/// <param name="Id">Topic, partition and offset of the letter.</param>
/// <param name="Origin">Topic, partition and offset of the record.</param>
/// <param name="Stage">Where it failed: deserialize or consume.</param>
/// <param name="Value">The record as text.</param>
public sealed record DeadLetter(string Id, DateTimeOffset At, string? Key, string Origin, string Stage, string Reason, string? Value);

/// <summary>How far the Workers are behind. Throws <see cref="UnavailableException"/> when the broker does not answer in time.</summary>
public interface IConsumerLag
{
    Task<IReadOnlyList<PartitionLag>> ReadAsync(CancellationToken cancellationToken);
}

/// <param name="Committed">The offset that the group committed. Null: none yet.</param>
public sealed record PartitionLag(string Topic, int Partition, long? Committed, long End, long Lag);

/// <summary>Checks servers, rights, triggers, topics, clocks and versions.</summary>
public interface IDiagnosis
{
    /// <summary>The checks in the order of their dependence. Each ends within some seconds.</summary>
    IAsyncEnumerable<Check> RunAsync(CancellationToken cancellationToken);
}

/// <param name="Subject">What was checked.</param>
/// <param name="Text">What was found, in one sentence.</param>
/// <param name="Remedy">How to mend it. Null: nothing has to be mended.</param>
public sealed record Check(string Subject, CheckResult Result, string Text, string? Remedy = null);

public enum CheckResult
{
    Fine,

    /// <summary>The service works, but not as well as it could.</summary>
    Warning,

    Fault,

    /// <summary>What it depends on has a fault.</summary>
    Skipped,
}
