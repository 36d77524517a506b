namespace ProductCache.Application;

/// <summary>The running processes of this deployment, as they report themselves.</summary>
public interface IInstances
{
    /// <summary>The reports of the last seconds.</summary>
    /// <exception cref="UnavailableException">The cache does not answer in time, or refuses.</exception>
    Task<IReadOnlyList<InstanceReport>> ReadAsync(CancellationToken cancellationToken);
}

/// <summary>What a process says about itself.</summary>
/// <param name="Id">Kind, host and process id.</param>
/// <param name="Kind">"api" or "worker".</param>
/// <param name="Host">The name of its machine or container.</param>
/// <param name="Version">The version of the program.</param>
/// <param name="StartedAt">By its own clock.</param>
/// <param name="At">When it made the report, by its own clock.</param>
/// <param name="Servers">The last checks of its servers.</param>
/// <param name="Metrics">Its own metrics, cumulative since its start.</param>
/// <param name="Hot">The most read products of an Api.</param>
public sealed record InstanceReport(
    string Id,
    string Kind,
    string Host,
    string Version,
    DateTimeOffset StartedAt,
    DateTimeOffset At,
    IReadOnlyList<ServerReport> Servers,
    IReadOnlyList<MetricReport> Metrics,
    IReadOnlyList<HotProduct> Hot)
{
    public const string Api = "api";
    public const string Worker = "worker";

    /// <summary>How long ago the report was stored, by the clock of the cache.</summary>
    public TimeSpan Age { get; init; }
}

/// <param name="Available">Whether the check succeeded.</param>
/// <param name="Required">Whether the process is not ready without it.</param>
/// <param name="Reason">Why the check failed, in one sentence. Null: it did not, or the reader may not see it.</param>
/// <param name="Since">When the check last changed its result.</param>
public sealed record ServerReport(string Name, bool Available, bool Required, string? Reason, DateTimeOffset Since);

/// <param name="Value">Of a counter or a gauge; of a histogram the sum.</param>
/// <param name="Count">Of a histogram: the number of measurements. Null: it is none.</param>
/// <param name="Buckets">Of a histogram: the number of measurements up to each bound, without those of smaller bounds.</param>
public sealed record MetricReport(string Name, IReadOnlyDictionary<string, string>? Labels, double Value, long? Count = null, IReadOnlyList<MetricBucket>? Buckets = null);

/// <param name="UpTo">The bound. Null: there is none, it is the last bucket.</param>
public sealed record MetricBucket(double? UpTo, long Count);

/// <param name="Id">As in a URL.</param>
/// <param name="ReadsPerMinute">Estimated from a sample.</param>
public sealed record HotProduct(string Id, long ReadsPerMinute);
