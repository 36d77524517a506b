using Npgsql;
using NpgsqlTypes;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.Infrastructure.Mappings;

/// <summary>
/// Finds the products that depend on changed rows of a watch with an expansion, and touches them, some hundred in one transaction. Their versions
/// are drawn when that transaction commits: until then readers may see the content before or after the change.
/// </summary>
internal sealed class TouchExpansions(NpgsqlDataSource dataSource, ProductMapping mapping, PostgresSchema schema, TimeProvider time)
{
    /// <summary>Products that one transaction touches.</summary>
    public const int MaxProducts = 500;

    /// <summary>How long one step may take.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    /// <summary>The time after which an expansion that failed is tried again. Meanwhile the others are done.</summary>
    public static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(5);

    /// <summary>Expansions that wait for another attempt. The oldest one is forgotten beyond it, and tried again at once.</summary>
    public const int MaxFailed = 100;

    private readonly Dictionary<long, long> failed = [];

    private readonly string take =
        $"""
        SELECT e.seq, e.keys, e.after_id::text, e.traceparent, w.expansion, w.key_type
        FROM "{schema.Name}".product_expansions AS e JOIN "{schema.Name}".product_watches AS w ON w.name = e.watch
        WHERE e.seq <> ALL($1) ORDER BY e.seq LIMIT 1 FOR UPDATE OF e SKIP LOCKED
        """;

    private readonly string touch = $"INSERT INTO \"{schema.Name}\".product_touches (ids) SELECT $1::text[]::{mapping.IdType}[]";
    private readonly string remove = $"DELETE FROM \"{schema.Name}\".product_expansions WHERE seq = $1";
    private readonly string advance = $"UPDATE \"{schema.Name}\".product_expansions SET after_id = $2::{mapping.IdType} WHERE seq = $1";
    private readonly string measure = $"SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(changed_at)), 0)::float8 FROM \"{schema.Name}\".product_expansions";

    /// <summary>Does a step of the oldest expansion that no other Worker holds.</summary>
    /// <returns>False: there is none.</returns>
    /// <exception cref="MappingException">The SELECT of an expansion fails.</exception>
    public async Task<bool> ExpandAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (await TakeAsync(connection, cancellationToken) is not { } expansion)
        {
            return false;
        }

        try
        {
            var ids = await ReadAsync(connection, expansion, cancellationToken);
            await TouchAsync(connection, expansion, ids, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return true;
        }
        catch (NpgsqlException refused) when (IsOfSelect(refused))
        {
            if (failed.Count == MaxFailed)
            {
                failed.Remove(failed.MinBy(one => one.Value).Key);
            }

            failed[expansion.Seq] = time.GetTimestamp();
            throw new MappingException($"The products that depend on a changed row cannot be found: {(refused is PostgresException answer ? PostgresText.Of(answer) : refused.Message.TrimEnd('.'))}. The SELECT: {expansion.Select}", refused);
        }
    }

    // Another transaction, and an outage, end by themselves.
    private static bool IsOfSelect(NpgsqlException refused) =>
        refused is PostgresException { SqlState: not (PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected) } or { InnerException: TimeoutException };

    /// <summary>The number of expansions that wait, and the time that the oldest one has waited.</summary>
    public async Task<(long Count, TimeSpan Age)> MeasureAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(measure);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetInt64(0), TimeSpan.FromSeconds(reader.GetDouble(1)));
    }

    private async Task<Expansion?> TakeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        foreach (var (seq, at) in failed.ToList())
        {
            if (time.GetElapsedTime(at) > RetryInterval)
            {
                failed.Remove(seq);
            }
        }

        await using var command = new NpgsqlCommand(take, connection);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. failed.Keys], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new Expansion(
                reader.GetInt64(0),
                reader.GetFieldValue<string[]>(1),
                reader.IsDBNull(2) ? null : reader.GetString(2),
                reader.IsDBNull(3) ? null : reader.GetString(3),
                reader.GetString(4),
                reader.GetString(5))
            : null;
    }

    private async Task<List<string>> ReadAsync(NpgsqlConnection connection, Expansion expansion, CancellationToken cancellationToken)
    {
        var select = expansion.Select.Replace(ProductMapping.KeysParameter, $"($1::text[]::{expansion.KeyType}[])", StringComparison.Ordinal);
        await using var command = new NpgsqlCommand(
            $"""
            SELECT id::text FROM (SELECT DISTINCT id::{mapping.IdType} AS id FROM (
            {select}
            ) AS found(id)) AS ids
            WHERE {MappingObjects.ValidIds(mapping.IdType, "id")} AND ($2::text IS NULL OR id > $2::text::{mapping.IdType}) ORDER BY ids.id LIMIT {MaxProducts}
            """,
            connection)
        { CommandTimeout = (int)Timeout.TotalSeconds };
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = expansion.Keys, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)expansion.After ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        List<string> ids = [];
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            ids.Add(reader.GetString(0));
        }

        return ids;
    }

    private async Task TouchAsync(NpgsqlConnection connection, Expansion expansion, List<string> ids, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        if (ids.Count > 0)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"SELECT set_config('{ProductChangesRow.TraceSetting}', $1, true)")
            {
                Parameters = { new NpgsqlParameter<string> { TypedValue = expansion.TraceParent ?? string.Empty } },
            });
            batch.BatchCommands.Add(new NpgsqlBatchCommand(touch)
            {
                Parameters = { new NpgsqlParameter<string[]> { TypedValue = [.. ids], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text } },
            });
        }

        var next = new NpgsqlBatchCommand(ids.Count < MaxProducts ? remove : advance) { Parameters = { new NpgsqlParameter<long> { TypedValue = expansion.Seq } } };
        if (ids.Count == MaxProducts)
        {
            next.Parameters.Add(new NpgsqlParameter<string> { TypedValue = ids[^1], NpgsqlDbType = NpgsqlDbType.Text });
        }

        batch.BatchCommands.Add(next);
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    private sealed record Expansion(long Seq, string[] Keys, string? After, string? TraceParent, string Select, string KeyType);
}
