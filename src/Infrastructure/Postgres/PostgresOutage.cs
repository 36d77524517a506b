using System.Net.Sockets;
using Npgsql;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Tells what PostgreSQL did not answer from what its caller gave up.</summary>
internal static class PostgresOutage
{
    // The statements are always the same: where one fails, it is the server (down, starting, not migrated yet), not the request.
    public static bool Is(Exception exception, CancellationToken cancellationToken) =>
        exception is NpgsqlException or SocketException or TimeoutException
        || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested)

        // As EF tells it.
        || (exception is InvalidOperationException { InnerException: { } inner } && Is(inner, cancellationToken));
}
