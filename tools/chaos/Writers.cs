using System.Collections.Concurrent;
using Npgsql;
using NpgsqlTypes;

namespace ProductCache.Chaos;

/// <summary>
/// Random transactions as any service or person might run them. Each leaves its number in a table of its own, so that a
/// commit whose answer was lost can be told afterwards.
/// </summary>
internal sealed class Writers(NpgsqlDataSource postgres, Catalogue catalogue, TransactionLog log, RunClock clock, int seed)
{
    private const int Count = 4;
    private const int MaxPauseMilliseconds = 100;
    private const int MaxStatements = 4;
    private const int MaxRowsUpdated = 40;
    private const int MaxRowsInserted = 10;
    private const int RollBackOneIn = 10;

    /// <summary>While PostgreSQL is away.</summary>
    private static readonly TimeSpan FailurePause = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentQueue<WriteTransaction> transactions = new();
    private long lastNumber;

    public IReadOnlyCollection<WriteTransaction> Transactions => transactions;

    /// <summary>The log of transactions and the first products, as written before the run.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        await log.CreateAsync(cancellationToken);
        List<Change> changes = [];
        await using var connection = await postgres.OpenConnectionAsync(cancellationToken);
        var ids = Enumerable.Range(1, Catalogue.InitialProducts).Select(id => (long)id).ToArray();
        await InsertAsync(connection, changes, ids, cancellationToken);
        var before = TimeSpan.FromTicks(-1);
        transactions.Enqueue(new WriteTransaction(0, TransactionOutcome.Committed, before, before, changes));
    }

    public Task RunAsync(TimeSpan? truncateAt, CancellationToken cancellationToken) => Task.WhenAll(
        [.. Enumerable.Range(1, Count).Select(writer => WriteAsync(new Random(HashCode.Combine(seed, writer)), cancellationToken)),
            TruncateAsync(truncateAt, cancellationToken)]);

    /// <summary>One product, in a transaction of its own. Returns its version; 0: PostgreSQL refused, or was away.</summary>
    public Task<long> InsertAsync(long id, CancellationToken cancellationToken) =>
        TryAsync((connection, changes) => InsertAsync(connection, changes, [id], cancellationToken), cancellationToken);

    /// <inheritdoc cref="InsertAsync(long, CancellationToken)"/>
    public Task<long> UpdateAsync(long id, CancellationToken cancellationToken) =>
        TryAsync((connection, changes) => UpdateAsync(connection, changes, [id], cancellationToken), cancellationToken);

    /// <inheritdoc cref="InsertAsync(long, CancellationToken)"/>
    public Task<long> DeleteAsync(long id, CancellationToken cancellationToken) =>
        TryAsync((connection, changes) => DeleteAsync(connection, changes, id, cancellationToken), cancellationToken);

    /// <summary>All transactions with their outcomes.</summary>
    public async Task<IReadOnlyList<WriteTransaction>> ResolveAsync(CancellationToken cancellationToken)
    {
        var committed = await log.ReadAsync(cancellationToken);
        return [.. transactions.Select(transaction => ResolvedOf(transaction, log.Resolve(CommitOf(transaction), committed)))];

        static Commit CommitOf(WriteTransaction transaction) => new(transaction.Number, transaction.Outcome, transaction.CommitStart, transaction.CommitEnd);

        static WriteTransaction ResolvedOf(WriteTransaction transaction, Commit commit) => transaction with { Outcome = commit.Outcome, CommitEnd = commit.End };
    }

    private async Task WriteAsync(Random random, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            var pause = TimeSpan.FromMilliseconds(random.Next(MaxPauseMilliseconds));
            try
            {
                await TransactAsync(
                    async (connection, changes) =>
                    {
                        for (var statements = random.Next(3) == 0 ? random.Next(2, MaxStatements + 1) : 1; statements > 0; statements--)
                        {
                            await WriteSomethingAsync(connection, changes, random, cancellationToken);
                        }
                    },
                    rollBack: random.Next(RollBackOneIn) == 0,
                    cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (NpgsqlException exception)
            {
                // A refused statement (a duplicate, a deadlock) is part of the game; anything else is an outage.
                if (exception is not PostgresException { SqlState: PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DeadlockDetected })
                {
                    pause = FailurePause;
                }
            }

            await Task.Delay(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task TruncateAsync(TimeSpan? at, CancellationToken cancellationToken)
    {
        if (at is null)
        {
            return;
        }

        await clock.UntilAsync(at.Value, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await TransactAsync((connection, changes) => TruncateAsync(connection, changes, cancellationToken), rollBack: false, cancellationToken);
                return;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (NpgsqlException)
            {
                await Task.Delay(FailurePause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private static async Task TruncateAsync(NpgsqlConnection connection, List<Change> changes, CancellationToken cancellationToken)
    {
        await using var all = connection.CreateCommand();
        all.CommandText = "LOCK TABLE products IN ACCESS EXCLUSIVE MODE; SELECT id, version FROM products";
        await using (var reader = await all.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                changes.Add(new Change(reader.GetInt64(0), ChangeKind.Deleted, reader.GetInt64(1), 0));
            }
        }

        await using var truncate = connection.CreateCommand();
        truncate.CommandText = "TRUNCATE products";
        await truncate.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<long> TryAsync(Func<NpgsqlConnection, List<Change>, Task> write, CancellationToken cancellationToken)
    {
        var version = 0L;
        try
        {
            await TransactAsync(
                async (connection, changes) =>
                {
                    await write(connection, changes);
                    version = changes is [var change] ? change.Version : 0;
                },
                rollBack: false,
                cancellationToken);
            return version;
        }
        catch (NpgsqlException)
        {
            return 0;
        }
    }

    private async Task TransactAsync(Func<NpgsqlConnection, List<Change>, Task> write, bool rollBack, CancellationToken cancellationToken)
    {
        List<Change> changes = [];
        await log.RunAsync(
            connection => write(connection, changes),
            rollBack,
            commit =>
            {
                transactions.Enqueue(new WriteTransaction(commit.Number, commit.Outcome, commit.Start, commit.End, changes));
                if (commit.Outcome == TransactionOutcome.Committed)
                {
                    catalogue.Freed(changes.Where(change => change.Kind == ChangeKind.Deleted).Select(change => change.Id));
                }
            },
            cancellationToken);
    }

    private Task WriteSomethingAsync(NpgsqlConnection connection, List<Change> changes, Random random, CancellationToken cancellationToken)
    {
        return random.Next(100) switch
        {
            < 40 => UpdateAsync(connection, changes, [catalogue.IdToWrite(random)], cancellationToken),
            < 52 => UpdateAsync(connection, changes, Several(MaxRowsUpdated, () => catalogue.IdToWrite(random)), cancellationToken),
            < 65 => DeleteAsync(connection, changes, catalogue.IdToWrite(random), cancellationToken),
            < 78 => InsertAsync(connection, changes, [catalogue.FreeId(random)], cancellationToken),
            < 80 => InsertAsync(connection, changes, Several(MaxRowsInserted, () => catalogue.FreeId(random)), cancellationToken),
            < 95 => UpsertAsync(
                connection, changes, random.Next(3) == 0 ? catalogue.FreeId(random) : catalogue.IdToWrite(random), cancellationToken),
            _ => ChangeIdAsync(connection, changes, catalogue.IdToWrite(random), catalogue.FreeId(random), cancellationToken),
        };

        long[] Several(int atMost, Func<long> id) => [.. Enumerable.Range(0, random.Next(2, atMost)).Select(_ => id()).Distinct()];
    }

    private Task UpdateAsync(NpgsqlConnection connection, List<Change> changes, long[] ids, CancellationToken cancellationToken) => WriteRowsAsync(
        connection,
        """
        UPDATE products AS p SET name = v.name, price = v.price, description = v.description
        FROM unnest($1, $2, $3, $4) AS v (id, name, price, description) WHERE p.id = v.id RETURNING p.id, p.version, false
        """,
        ids,
        changes,
        cancellationToken);

    private Task InsertAsync(NpgsqlConnection connection, List<Change> changes, long[] ids, CancellationToken cancellationToken) => WriteRowsAsync(
        connection,
        """
        INSERT INTO products (id, name, price, description)
        SELECT * FROM unnest($1, $2, $3, $4) AS v (id, name, price, description) RETURNING id, version, true
        """,
        ids,
        changes,
        cancellationToken);

    // A row that no transaction has updated or locked yet has an xmax of 0: it was inserted.
    private Task UpsertAsync(NpgsqlConnection connection, List<Change> changes, long id, CancellationToken cancellationToken) => WriteRowsAsync(
        connection,
        """
        INSERT INTO products AS p (id, name, price, description)
        SELECT * FROM unnest($1, $2, $3, $4) AS v (id, name, price, description)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, price = excluded.price, description = excluded.description
        RETURNING p.id, p.version, p.xmax = 0
        """,
        [id],
        changes,
        cancellationToken);

    private static async Task DeleteAsync(NpgsqlConnection connection, List<Change> changes, long id, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = "DELETE FROM products WHERE id = $1 RETURNING version";
        command.Parameters.AddWithValue(id);
        if (await command.ExecuteScalarAsync(cancellationToken) is long version)
        {
            changes.Add(new Change(id, ChangeKind.Deleted, version, 0));
        }
    }

    private async Task ChangeIdAsync(NpgsqlConnection connection, List<Change> changes, long from, long to, CancellationToken cancellationToken)
    {
        await using var old = connection.CreateCommand();
        old.CommandText = "SELECT version FROM products WHERE id = $1 FOR UPDATE";
        old.Parameters.AddWithValue(from);
        if (await old.ExecuteScalarAsync(cancellationToken) is not long version)
        {
            return;
        }

        var number = Interlocked.Increment(ref lastNumber);
        await using var change = connection.CreateCommand();
        change.CommandText = "UPDATE products SET id = $1, name = $2, price = $3, description = $4 WHERE id = $5 RETURNING version";
        change.Parameters.AddWithValue(to);
        change.Parameters.AddWithValue(ProductText.Name(number));
        change.Parameters.AddWithValue(ProductText.Price(number));
        change.Parameters.AddWithValue(ProductText.Description(number));
        change.Parameters.AddWithValue(from);
        if (await change.ExecuteScalarAsync(cancellationToken) is not long newVersion)
        {
            // A trigger has suppressed it.
            return;
        }

        changes.Add(new Change(from, ChangeKind.Deleted, version, 0));
        changes.Add(new Change(to, ChangeKind.Inserted, newVersion, number));
    }

    // The statement gets arrays of ids, names, prices and descriptions, and returns id, version, inserted.
    private async Task WriteRowsAsync(NpgsqlConnection connection, string sql, long[] ids, List<Change> changes, CancellationToken cancellationToken)
    {
        var numbers = ids.ToDictionary(id => id, _ => Interlocked.Increment(ref lastNumber));
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Parameters.AddWithValue(ids);
        command.Parameters.AddWithValue(ids.Select(id => ProductText.Name(numbers[id])).ToArray());
        command.Parameters.AddWithValue(NpgsqlDbType.Array | NpgsqlDbType.Numeric, ids.Select(id => ProductText.Price(numbers[id])).ToArray());
        command.Parameters.AddWithValue(ids.Select(id => ProductText.Description(numbers[id])).ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetInt64(0);
            changes.Add(new Change(id, reader.GetBoolean(2) ? ChangeKind.Inserted : ChangeKind.Updated, reader.GetInt64(1), numbers[id]));
        }
    }
}
