namespace ProductCache.Application;

/// <summary>
/// Watched traces: those whose id begins with <see cref="Prefix"/>. Every process keeps its spans of such a trace for a minute,
/// whether traces are exported or not.
/// </summary>
public interface IWatchedTraces
{
    /// <summary>The first digits of the id of a trace that is watched. 8 of 32, so that no other trace is watched by accident.</summary>
    const string Prefix = "7ace0000";

    /// <summary>The spans that have ended so far, in the order of their begin. The list is empty if the trace is not known, or ended more than a minute ago.</summary>
    /// <exception cref="UnavailableException">The cache does not answer in time, or refuses.</exception>
    Task<IReadOnlyList<WatchedSpan>> ReadAsync(string traceId, CancellationToken cancellationToken);
}

/// <param name="ParentId">The span that caused it. Null: it is the first.</param>
/// <param name="Instance">The process: see <see cref="InstanceReport.Id"/>.</param>
/// <param name="StartedAt">By the clock of the process.</param>
/// <param name="Milliseconds">Its duration.</param>
/// <param name="Detail">What the step concerned or answered. Null: nothing to tell.</param>
/// <param name="Error">Why it failed. Null: it did not.</param>
public sealed record WatchedSpan(
    string Id, string? ParentId, string Name, string Instance, DateTimeOffset StartedAt, double Milliseconds, string? Detail, string? Error);
