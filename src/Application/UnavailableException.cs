namespace ProductCache.Application;

/// <summary>The dependencies of the service. The names serve as metric tags and in problem details.</summary>
public enum Dependency
{
    /// <summary>Redis: entries, leases, notifications.</summary>
    Cache,

    /// <summary>Kafka: requests for products.</summary>
    Broker,

    /// <summary>PostgreSQL: the products.</summary>
    Store,

    /// <summary>A cache in front of the service.</summary>
    SharedCache,
}

/// <summary>
/// A dependency could not be reached, did not answer in time, or refuses all requests of a kind. Thrown by the adapters of all ports. The
/// request may or may not have taken effect.
/// </summary>
/// <param name="reason">Why the dependency refuses: one sentence for operators and clients, without a full stop. Null: it did not answer.</param>
public sealed class UnavailableException(Dependency dependency, Exception? cause = null, string? reason = null)
    : Exception($"The {dependency.ToString().ToLowerInvariant()} is not available{(reason is null ? string.Empty : $": {reason}")}.", cause)
{
    public Dependency Dependency { get; } = dependency;

    public string? Reason { get; } = reason;
}
