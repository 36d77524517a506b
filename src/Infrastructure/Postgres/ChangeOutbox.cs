using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <param name="Depth">The number of changes that wait.</param>
/// <param name="Age">The time that the oldest one has waited.</param>
/// <param name="Parked">The number of parked changes.</param>
internal readonly record struct OutboxState(long Depth, TimeSpan Age, long Parked);

/// <summary>
/// The table product_changes, which triggers fill. A batch is a transaction that locks its rows: other relays skip them, and the end of
/// the connection frees them.
/// </summary>
/// <param name="maxIdle">Null: <see cref="MaxIdle"/>.</param>
/// <param name="schema">Null: public.</param>
/// <param name="idType">Null: bigint.</param>
internal sealed class ChangeOutbox(NpgsqlDataSource dataSource, TimeSpan? maxIdle = null, PostgresSchema? schema = null, ProductIdType? idType = null)
    : IChangeOutbox, IRecordedChanges
{
    /// <summary>Rows in a batch of the lane for single changes. Each has up to 20 changes.</summary>
    public const int MaxSingleRows = 100;

    /// <summary>Rows in a batch of the bulk lane. Each has up to 500 changes.</summary>
    public const int MaxBulkRows = 4;

    /// <summary>The idle time after which PostgreSQL ends the transaction of a relay, so that a frozen or disconnected relay frees its rows.</summary>
    public static readonly TimeSpan MaxIdle = TimeSpan.FromSeconds(15);

    private const string Measure =
        "SELECT coalesce(sum(cardinality(product_ids)), 0)::bigint, coalesce(extract(epoch FROM clock_timestamp() - min(changed_at)), 0)::float8, (SELECT count(*) FROM public.product_changes_parked) FROM public.product_changes";

    // What ReadRowsAsync reads.
    private const string SelectRows =
        "SELECT seq, product_ids::text[], versions, deleted, least(greatest(changed_at, '0001-01-02'), '9999-12-30'), traceparent FROM public.product_changes";

    private const string Take =
        $"{SelectRows} WHERE bulk = $1 ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED";

    private const string Origin =
        "SELECT pg_postmaster_start_time()::text || ' ' || pg_relation_filenode('public.product_changes'), pg_snapshot_xmin(pg_current_snapshot())::text::bigint";

    private const string Read =
        $"{SelectRows} WHERE bulk = $1 AND seq > $2 AND seq <> ALL($3) ORDER BY seq LIMIT $4";

    private const string NextTransaction = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

    private const string Park =
        "INSERT INTO public.product_changes_parked (product_id, version, deleted, changed_at, reason) VALUES ($1, $2, $3, $4, $5)";

    private const string Remove =
        "DELETE FROM public.product_changes WHERE bulk = $1 AND seq = ANY($2)";

    private readonly PostgresSchema schema = schema ?? PostgresSchema.Public;
    private readonly ProductIdType idType = idType ?? ProductIdType.Bigint;
    private readonly string limitIdle = $"SET LOCAL idle_in_transaction_session_timeout = {(int)(maxIdle ?? MaxIdle).TotalMilliseconds}";

    public Task<ChangeBatch> TakeAsync(ChangeLane lane, CancellationToken cancellationToken) =>
        PostgresErrors.TranslateAsync<ChangeBatch>(() => TakeBatchAsync(lane, cancellationToken), cancellationToken);

    public Task<OutboxPage> ReadAsync(ChangeLane lane, OutboxPosition position, CancellationToken cancellationToken) =>
        PostgresErrors.TranslateAsync(() => ReadPageAsync(lane, position, cancellationToken), cancellationToken);

    public Task<OutboxState> MeasureAsync(CancellationToken cancellationToken) => PostgresErrors.TranslateAsync(
        async () =>
        {
            await using var command = dataSource.CreateCommand(
                schema.In(Measure));
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            return new OutboxState(reader.GetInt64(0), TimeSpan.FromSeconds(reader.GetDouble(1)), reader.GetInt64(2));
        },
        cancellationToken);

    private async Task<ChangeBatch> TakeBatchAsync(ChangeLane lane, CancellationToken cancellationToken)
    {
        var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        try
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using var commands = new NpgsqlBatch(connection, transaction);
            commands.BatchCommands.Add(new NpgsqlBatchCommand(limitIdle));
            commands.BatchCommands.Add(new NpgsqlBatchCommand(
                schema.In(Take))
            {
                Parameters = { new NpgsqlParameter<bool> { TypedValue = lane == ChangeLane.Bulk }, new NpgsqlParameter<int> { TypedValue = MaxRowsOf(lane) } },
            });
            await using var reader = await commands.ExecuteReaderAsync(cancellationToken);
            var (rows, changes) = await ReadRowsAsync(reader, cancellationToken);
            return new Batch(connection, transaction, schema, idType, lane, rows, changes);
        }
        catch
        {
            await CloseAsync(connection);
            throw;
        }
    }

    private async Task<OutboxPage> ReadPageAsync(ChangeLane lane, OutboxPosition position, CancellationToken cancellationToken)
    {
        while (true)
        {
            // Transactions before the oldest one that runs have ended before the rows are read; those from the next one on begin afterwards.
            await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
            await using var commands = new NpgsqlBatch(connection);
            commands.BatchCommands.Add(new NpgsqlBatchCommand(schema.In(Origin)));
            commands.BatchCommands.Add(new NpgsqlBatchCommand(schema.In(Read))
            {
                Parameters =
                {
                    new NpgsqlParameter<bool> { TypedValue = lane == ChangeLane.Bulk },
                    new NpgsqlParameter<long> { TypedValue = position.Floor },
                    new NpgsqlParameter<long[]> { TypedValue = [.. position.Passed], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
                    new NpgsqlParameter<int> { TypedValue = MaxRowsOf(lane) },
                },
            });
            commands.BatchCommands.Add(new NpgsqlBatchCommand(NextTransaction));
            await using var reader = await commands.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            var (origin, oldest) = (reader.GetString(0), reader.GetInt64(1));
            if (position.BeginAt(origin))
            {
                continue;
            }

            await reader.NextResultAsync(cancellationToken);
            var (rows, changes) = await ReadRowsAsync(reader, cancellationToken);
            await reader.NextResultAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            return new OutboxPage(rows, changes, rows.Count == MaxRowsOf(lane), oldest, reader.GetInt64(0));
        }
    }

    private static int MaxRowsOf(ChangeLane lane) => lane == ChangeLane.Bulk ? MaxBulkRows : MaxSingleRows;

    private static async Task<(List<long> Rows, List<RecordedChange> Changes)> ReadRowsAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        List<long> rows = [];
        List<RecordedChange> changes = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(reader.GetInt64(0));

            // A row that was written by hand may contain null. Such a change is parked and never stops its lane.
            var (ids, versions) = (reader.GetFieldValue<string?[]>(1), reader.GetFieldValue<long?[]>(2));
            var (deleted, changedAt) = (reader.GetBoolean(3), reader.GetFieldValue<DateTimeOffset>(4));
            var trace = ProductCacheSpans.ReadTraceParent(reader.IsDBNull(5) ? null : reader.GetString(5));
            changes.AddRange(ids.Select((id, i) => new RecordedChange(id ?? "0", i < versions.Length ? versions[i] ?? 0 : 0, deleted, changedAt, trace)));
        }

        return (rows, changes);
    }

    // Disposing a broken connection throws the same exception again; its transaction has ended with it.
    private static async ValueTask CloseAsync(NpgsqlConnection connection)
    {
        try
        {
            await connection.DisposeAsync();
        }
        catch (Exception exception) when (PostgresErrors.IsUnavailable(exception, CancellationToken.None))
        {
        }
    }

    private sealed class Batch(
        NpgsqlConnection connection, NpgsqlTransaction transaction, PostgresSchema schema, ProductIdType idType, ChangeLane lane, List<long> rows, List<RecordedChange> changes)
        : ChangeBatch
    {
        public override IReadOnlyList<RecordedChange> Changes => changes;

        public override Task CompleteAsync(IReadOnlyList<RefusedChange> refused, CancellationToken cancellationToken) => PostgresErrors.TranslateAsync(
            async () =>
            {
                await using var commands = new NpgsqlBatch(connection, transaction);
                foreach (var (change, reason) in refused)
                {
                    commands.BatchCommands.Add(new NpgsqlBatchCommand(
                        schema.In(Park))
                    {
                        Parameters =
                        {
                            idType == ProductIdType.Bigint
                                ? new NpgsqlParameter<long> { TypedValue = long.TryParse(change.Id, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var id) ? id : 0 }
                                : new NpgsqlParameter<string> { TypedValue = change.Id },
                            new NpgsqlParameter<long> { TypedValue = change.Version },
                            new NpgsqlParameter<bool> { TypedValue = change.Deleted },
                            new NpgsqlParameter<DateTimeOffset> { TypedValue = change.ChangedAt },
                            new NpgsqlParameter<string> { TypedValue = reason },
                        },
                    });
                }

                commands.BatchCommands.Add(new NpgsqlBatchCommand(schema.In(Remove))
                {
                    Parameters =
                    {
                        new NpgsqlParameter<bool> { TypedValue = lane == ChangeLane.Bulk },
                        new NpgsqlParameter<long[]> { TypedValue = [.. rows], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
                    },
                });
                var deleted = await commands.ExecuteNonQueryAsync(cancellationToken);
                await transaction.CommitAsync(cancellationToken);
                return deleted;
            },
            cancellationToken);

        // If the batch was not completed, the connection returns to the pool with an open transaction, which the pool rolls back.
        public override ValueTask DisposeAsync() => CloseAsync(connection);
    }
}
