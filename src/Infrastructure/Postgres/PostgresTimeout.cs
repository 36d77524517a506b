using ProductCache.Application;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Limits requests of clients to the Api, which answers within 5 s.</summary>
internal sealed class PostgresTimeout(TimeProvider time)
{
    /// <summary>For the whole request, including the connection.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(4.5);

    /// <exception cref="UnavailableException">PostgreSQL did not answer in time, or is unavailable; the reason is its error message.</exception>
    public async Task<T> WithinAsync<T>(Func<CancellationToken, Task<T>> askAsync, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        return await PostgresErrors.TranslateAsync(() => askAsync(either.Token), cancellationToken, includeReason: true);
    }
}
