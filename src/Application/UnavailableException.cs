namespace ProductCache.Application;

/// <summary>What the service leans on. The names serve as metric tags and in problem details.</summary>
public enum Dependency
{
    /// <summary>Redis: entries, leases, notifications.</summary>
    Cache,

    /// <summary>Kafka: requests for products.</summary>
    Broker,

    /// <summary>PostgreSQL: the products.</summary>
    Store,
}

/// <summary>
/// A dependency could not be reached or did not answer before its deadline. Thrown by the adapters of all ports; what
/// was asked may or may not have happened.
/// </summary>
public sealed class UnavailableException(Dependency dependency, Exception? cause = null)
    : Exception($"The {dependency.ToString().ToLowerInvariant()} is not available.", cause)
{
    public Dependency Dependency { get; } = dependency;
}
