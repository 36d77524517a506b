using Npgsql;
using ProductCache.Application;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>For what a client of the Api waits for: it is answered within 5 s.</summary>
internal static class PostgresDeadline
{
    /// <summary>For all of it, with the connection.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(4.5);

    /// <exception cref="UnavailableException">PostgreSQL did not answer in time.</exception>
    public static async Task<T> WithinAsync<T>(Func<CancellationToken, Task<T>> askAsync, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        try
        {
            return await askAsync(deadline.Token);
        }
        catch (Exception exception) when (PostgresOutage.Is(exception, cancellationToken))
        {
            throw new UnavailableException(Dependency.Store, exception, exception is PostgresException answer ? PostgresText.Of(answer) : null);
        }
    }
}
