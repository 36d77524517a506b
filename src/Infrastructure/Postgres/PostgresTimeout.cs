using Npgsql;
using ProductCache.Application;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>For what a client of the Api waits for: it is answered within 5 s.</summary>
internal static class PostgresTimeout
{
    /// <summary>For all of it, with the connection.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(4.5);

    /// <exception cref="UnavailableException">PostgreSQL did not answer in time.</exception>
    public static async Task<T> WithinAsync<T>(Func<CancellationToken, Task<T>> askAsync, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Limit);
        try
        {
            return await askAsync(timeout.Token);
        }
        catch (Exception exception) when (PostgresErrors.IsUnavailable(exception, cancellationToken))
        {
            throw new UnavailableException(Dependency.Store, exception, exception is PostgresException answer ? PostgresText.Of(answer) : null);
        }
    }
}
