namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>One kind of cache in front of the service: how it is asked to remove products.</summary>
internal abstract class SharedCache(string name, int maxProducts)
{
    /// <summary>As in PURGE.</summary>
    public string Name { get; } = name;

    /// <summary>How many products one request may name.</summary>
    public int MaxProducts { get; } = maxProducts;

    /// <summary>The limit of requests, unless the settings have another one. Accounts of content delivery networks have limits of about this.</summary>
    public virtual int RequestsPerSecond => 10;

    /// <summary>The number of failures in a row after which requests that fail are given up. Null: they are repeated until they succeed.</summary>
    public virtual int? MaxAttempts => null;

    /// <summary>Returns when the cache has acknowledged that it serves none of the products as it was.</summary>
    /// <exception cref="PurgeRefusedException">A repetition would not help.</exception>
    /// <exception cref="HttpRequestException">A repetition may help.</exception>
    public abstract Task PurgeAsync(IReadOnlyList<PurgedProduct> products, CancellationToken cancellationToken);

    /// <summary>The same for all products.</summary>
    public abstract Task PurgeAllAsync(CancellationToken cancellationToken);
}
