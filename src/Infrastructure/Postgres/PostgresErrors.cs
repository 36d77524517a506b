using System.Net.Sockets;
using Npgsql;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Tells apart what PostgreSQL did not answer, what it refused, and what its caller gave up.</summary>
internal static class PostgresErrors
{
    // By the classes of SQLSTATE. The statements are always the same, so a syntax error or a missing right (42) is a server that
    // is not set up yet, and not a fault of the request. A read-only server (25) is one that another has taken over from.
    private static readonly HashSet<string> OutageClasses =
    [
        "08", "25", "26", "28", "3D", "40", "42", "53", "55", "57", "58", "XX",
    ];

    private static readonly HashSet<string> DamagedRow = [PostgresErrorCodes.DataCorrupted, PostgresErrorCodes.IndexCorrupted];

    /// <summary>Silence, or an answer that says that the server as a whole cannot serve now: trying again later helps.</summary>
    public static bool IsUnavailable(Exception exception, CancellationToken cancellationToken) => exception switch
    {
        PostgresException answer => OutageClasses.Contains(answer.SqlState[..2]) && !DamagedRow.Contains(answer.SqlState),
        NpgsqlException or SocketException or TimeoutException => true,
        OperationCanceledException => !cancellationToken.IsCancellationRequested,

        // As EF tells it.
        InvalidOperationException { InnerException: { } inner } => IsUnavailable(inner, cancellationToken),
        _ => false,
    };

    /// <summary>A refusal of what was to be written: by a constraint, a trigger of another owner, a missing right or the encoding.</summary>
    public static bool IsRefusal(PostgresException answer) =>
        !IsUnavailable(answer, CancellationToken.None)
        || answer.SqlState == PostgresErrorCodes.InsufficientPrivilege
        || IsRaised(answer)

        // A trigger that names what is not there: our own statements have no context.
        || (answer.SqlState.StartsWith("42", StringComparison.Ordinal) && !string.IsNullOrEmpty(answer.Where));

    // A trigger may raise any SQLSTATE. The first line of the context is the place, in the language of the server:
    // "PL/pgSQL function check_price() line 3 at RAISE".
    private static bool IsRaised(PostgresException answer) =>
        answer.Where?.Split('\n')[0].Contains("RAISE", StringComparison.Ordinal) == true;
}
