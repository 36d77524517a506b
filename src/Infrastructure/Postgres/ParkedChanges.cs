using Npgsql;
using NpgsqlTypes;
using ProductCache.Application;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>The table product_changes_parked.</summary>
internal sealed class ParkedChanges(NpgsqlDataSource dataSource, PostgresSchema schema, ProductMapping mapping) : IParkedChanges
{
    private const string List =
        """
        SELECT id, product_id::text, version, deleted, least(greatest(changed_at, '0001-01-02'), '9999-12-30'), reason, parked_at
        FROM public.product_changes_parked ORDER BY id LIMIT $1
        """;

    // The relay takes them as single changes, which do not wait for others.
    private readonly string retry =
        $"""
        WITH retried AS (DELETE FROM public.product_changes_parked WHERE $1 IS NULL OR id = ANY($1) RETURNING product_id, version, deleted, changed_at)
        INSERT INTO public.product_changes (bulk, product_ids, versions, deleted, changed_at)
        SELECT false, ARRAY[product_id]::{mapping.IdType}[], ARRAY[version], deleted, changed_at FROM retried
        """;

    public Task<IReadOnlyList<ParkedChange>> ListAsync(int limit, CancellationToken cancellationToken) =>
        PostgresErrors.TranslateAsync<IReadOnlyList<ParkedChange>>(
            async () =>
            {
                await using var command = dataSource.CreateCommand(schema.In(List));
                command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
                List<ParkedChange> changes = [];
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    changes.Add(new ParkedChange(
                        reader.GetInt64(0),
                        reader.GetString(1),
                        reader.GetInt64(2),
                        reader.GetBoolean(3),
                        reader.GetFieldValue<DateTimeOffset>(4),
                        reader.GetString(5),
                        reader.GetFieldValue<DateTimeOffset>(6)));
                }

                return changes;
            },
            cancellationToken);

    public async Task<int> RetryAsync(IReadOnlyCollection<long>? ids, CancellationToken cancellationToken)
    {
        try
        {
            return await PostgresErrors.TranslateAsync(
                async () =>
                {
                    await using var command = dataSource.CreateCommand(schema.In(retry));
                    command.Parameters.Add(new NpgsqlParameter { Value = ids is null ? DBNull.Value : ids.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
                    return await command.ExecuteNonQueryAsync(cancellationToken);
                },
                cancellationToken);
        }
        catch (Exception exception) when ((exception as PostgresException ?? exception.InnerException) is PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } refused)
        {
            throw new StoreNotRepairedException($"{PostgresText.Of(refused)}. Retry as the owner of the tables: DB_USER, DB_PASSWORD");
        }
    }
}
