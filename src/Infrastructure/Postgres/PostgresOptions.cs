using Npgsql;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD (or DB_PASSWORD_FILE), DB_POOL_SIZE, DB_LIST_POOL_SIZE, DB_POOLER.</summary>
/// <param name="TransactionPooler">
/// A pooler assigns a session to each transaction (pgbouncer with pool_mode = transaction), so that nothing that belongs to a session can
/// be used.
/// </param>
/// <param name="ListPoolSize">Connections for lists, in a pool of their own, so that lists cannot take the connections of writes.</param>
public sealed record PostgresOptions(string ConnectionString, bool TransactionPooler = false, int ListPoolSize = PostgresOptions.DefaultListPoolSize)
{
    public const int DefaultListPoolSize = 4;

    private const string None = "none";
    private const string Transaction = "transaction";

    /// <summary>The timeout of a connection and of a statement. It is below the lifetime of a lease, since a later fill is refused.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(4);

    /// <summary>The timeout of a statement of a list, on the server and in this process.</summary>
    public static readonly TimeSpan ListTimeout = TimeSpan.FromSeconds(3);

    public static PostgresOptions Read(Settings settings)
    {
        var isPooled = settings.OneOf("DB_POOLER", None, Transaction) == Transaction;
        var connection = new NpgsqlConnectionStringBuilder
        {
            Host = settings.Text("DB_HOST"),
            Port = settings.Port("DB_PORT", 5432),
            Database = settings.Text("DB_NAME"),
            Username = settings.Text("DB_USER"),
            Password = settings.Secret("DB_PASSWORD"),
            MaxPoolSize = settings.Number("DB_POOL_SIZE", 10, 1, 1_000),
            Timeout = (int)PostgresOptions.Timeout.TotalSeconds,
            CommandTimeout = (int)PostgresOptions.Timeout.TotalSeconds,
            CancellationTimeout = 1_000,
            KeepAlive = 10,
            MaxAutoPrepare = isPooled ? 0 : 20,
            AutoPrepareMinUsages = 2,
            NoResetOnClose = isPooled,
            ApplicationName = "product-cache",

            // Otherwise a container without the Kerberos library logs a warning at every start.
            GssEncryptionMode = GssEncryptionMode.Disable,
        };
        return new PostgresOptions(connection.ConnectionString, isPooled, settings.Number("DB_LIST_POOL_SIZE", DefaultListPoolSize, 1, 1_000));
    }
}
