using System.Data;
using System.Globalization;
using Npgsql;

namespace ProductCache.Chaos;

/// <param name="Start">When the COMMIT was sent.</param>
/// <param name="End">When it was known to be done.</param>
/// <param name="Refusal">The SQLSTATE with which PostgreSQL refused the COMMIT. Null: it did not.</param>
internal readonly record struct Commit(long Number, TransactionOutcome Outcome, TimeSpan Start, TimeSpan End, string? Refusal = null);

/// <summary>Runs transactions. Each leaves its number in a table, so that a commit whose answer was lost can be told afterwards.</summary>
internal sealed class TransactionLog(NpgsqlDataSource postgres, RunClock clock)
{
    private long last;

    /// <summary>Creates the schema chaos with the table.</summary>
    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        await using var create = postgres.CreateCommand(
            "CREATE SCHEMA IF NOT EXISTS chaos; CREATE TABLE chaos.transactions (number bigint PRIMARY KEY, tx xid8 NOT NULL DEFAULT pg_current_xact_id())");
        await create.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>A commit that has begun is never given up.</summary>
    /// <param name="done">Called in any case, also before an exception is thrown.</param>
    public async Task RunAsync(
        Func<NpgsqlConnection, Task> write,
        bool rollBack,
        Action<Commit> done,
        CancellationToken cancellationToken,
        IsolationLevel isolation = IsolationLevel.ReadCommitted)
    {
        var number = Interlocked.Increment(ref last);
        TimeSpan? start = null;
        string? refusal = null;
        var outcome = TransactionOutcome.RolledBack;
        try
        {
            await using var connection = await postgres.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(isolation, cancellationToken);
            await write(connection);
            await using (var log = connection.CreateCommand())
            {
                log.CommandText = "INSERT INTO chaos.transactions (number) VALUES ($1)";
                log.Parameters.AddWithValue(number);
                await log.ExecuteNonQueryAsync(cancellationToken);
            }

            if (rollBack)
            {
                await transaction.RollbackAsync(cancellationToken);
                return;
            }

            start = clock.Now;
            outcome = TransactionOutcome.Unknown;
            await transaction.CommitAsync(CancellationToken.None);
            outcome = TransactionOutcome.Committed;
        }
        catch (PostgresException refused) when (outcome == TransactionOutcome.Unknown)
        {
            refusal = refused.SqlState;
            throw;
        }
        finally
        {
            var end = clock.Now;
            done(new Commit(number, outcome, start ?? end, end, refusal));
        }
    }

    /// <summary>The numbers of all committed transactions, and their ids in PostgreSQL.</summary>
    public async Task<IReadOnlyDictionary<long, ulong>> ReadAsync(CancellationToken cancellationToken)
    {
        Dictionary<long, ulong> committed = [];
        await using var command = postgres.CreateCommand("SELECT number, tx::text FROM chaos.transactions");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            committed.Add(reader.GetInt64(0), ulong.Parse(reader.GetString(1), CultureInfo.InvariantCulture));
        }

        return committed;
    }

    /// <summary>An outcome that is learned only now counts as committed now.</summary>
    public Commit Resolve(Commit commit, IReadOnlyDictionary<long, ulong> committed) =>
        commit.Outcome != TransactionOutcome.Unknown ? commit
            : committed.ContainsKey(commit.Number) ? commit with { Outcome = TransactionOutcome.Committed, End = clock.Now }
            : commit with { Outcome = TransactionOutcome.RolledBack };
}
