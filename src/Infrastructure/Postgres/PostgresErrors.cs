using System.Net.Sockets;
using Npgsql;
using ProductCache.Application;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Classifies errors: PostgreSQL is unavailable, PostgreSQL refused the request, or the caller cancelled it.</summary>
internal static class PostgresErrors
{
    // The classes of SQLSTATE. The statements are always the same, so a syntax error or a missing permission (42) means a server that
    // is not set up yet, not a faulty request. A read-only server (25) has been replaced by another one.
    private static readonly HashSet<string> UnavailableClasses =
    [
        "08", "25", "26", "28", "3D", "40", "42", "53", "55", "57", "58", "XX",
    ];

    private static readonly HashSet<string> DamagedRow = [PostgresErrorCodes.DataCorrupted, PostgresErrorCodes.IndexCorrupted];

    /// <summary>Runs a call to PostgreSQL.</summary>
    /// <param name="includeReason">Whether the exception has the error message of PostgreSQL as its reason.</param>
    /// <exception cref="UnavailableException">PostgreSQL is unavailable.</exception>
    public static async Task<T> TranslateAsync<T>(Func<Task<T>> callAsync, CancellationToken cancellationToken, bool includeReason = false)
    {
        try
        {
            return await callAsync();
        }
        catch (Exception exception) when (IsUnavailable(exception, cancellationToken))
        {
            throw new UnavailableException(
                Dependency.Store, exception, includeReason && exception is PostgresException answer ? PostgresText.Of(answer) : null);
        }
    }

    /// <summary>The server did not answer, or it answered that it cannot serve any request now: a retry will help.</summary>
    public static bool IsUnavailable(Exception exception, CancellationToken cancellationToken) => exception switch
    {
        PostgresException answer => UnavailableClasses.Contains(answer.SqlState[..2]) && !DamagedRow.Contains(answer.SqlState),
        NpgsqlException or SocketException or TimeoutException => true,
        OperationCanceledException => !cancellationToken.IsCancellationRequested,

        // The transaction of a connection that has broken.
        ObjectDisposedException { InnerException: { } broken } => IsUnavailable(broken, cancellationToken),
        _ => false,
    };

    /// <summary>PostgreSQL refused a write: by a constraint, a trigger of another owner, a missing permission or the encoding.</summary>
    public static bool IsRefusal(PostgresException answer) =>
        !IsUnavailable(answer, CancellationToken.None)
        || answer.SqlState == PostgresErrorCodes.InsufficientPrivilege
        || IsRaised(answer)

        // A trigger that refers to a missing object. Our own statements have no context.
        || (answer.SqlState.StartsWith("42", StringComparison.Ordinal) && !string.IsNullOrEmpty(answer.Where));

    // A trigger may raise any SQLSTATE. The first line of the context is the place, in the language of the server:
    // "PL/pgSQL function check_price() line 3 at RAISE".
    private static bool IsRaised(PostgresException answer) =>
        answer.Where?.Split('\n')[0].Contains("RAISE", StringComparison.Ordinal) == true;
}
