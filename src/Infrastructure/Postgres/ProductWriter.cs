using Npgsql;
using NpgsqlTypes;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Writes with Npgsql. Each write is one statement or one batch, which commits at its end.</summary>
/// <param name="schema">Null: public.</param>
internal sealed class ProductWriter(NpgsqlDataSource dataSource, TimeProvider time, PostgresSchema? schema = null) : IProductWriter
{
    /// <summary>Expired idempotency keys that a creation removes, so that the table holds about one day of keys.</summary>
    private const int MaxExpiredKeys = 100;

    /// <summary>The first attempt may find the key taken, the second may find it expired.</summary>
    private const int MaxAttempts = 3;

    private const string KeyTaken = "pk_idempotency_keys";

    private const string IdTaken = "pk_products";

    /// <summary>A trigger of another owner returned null for the row.</summary>
    private const string Suppressed = "A trigger of the database suppresses the write without an error.";

    // After rows with explicit ids were imported. Ids that another transaction draws meanwhile are not drawn again.
    private const string MoveIdentity =
        """
        SELECT setval(sequence, greatest(id, nextval(sequence)))
        FROM (SELECT pg_get_serial_sequence('public.products', 'id')::regclass AS sequence, (SELECT max(id) FROM public.products) AS id) AS identity
        """;

    private static readonly string Insert =
        $"INSERT INTO public.products AS p (name, price, description, attributes) VALUES ($1, $2, $3, {NoneAsNull("$4::jsonb")}) RETURNING {BuiltInTable.Columns}";

    private static readonly string InsertWithKey =
        $"""
        WITH product AS ({Insert}),
        key AS (INSERT INTO public.idempotency_keys (client, key, fingerprint, product_id, version) SELECT $5, $6, $7, id, version FROM product)
        SELECT id, version, body, fault FROM product
        """;

    private static readonly string DeleteExpiredKeys =
        $"""
        DELETE FROM public.idempotency_keys WHERE (client, key) IN (
          SELECT client, key FROM public.idempotency_keys WHERE created_at < now() - interval '{IdempotencyKey.Lifetime.TotalHours:0} hours'
          ORDER BY created_at LIMIT {MaxExpiredKeys} FOR UPDATE SKIP LOCKED)
        """;

    // An expired key that has not been removed yet counts as missing and is removed.
    private static readonly string FindKey =
        $"""
        WITH expired AS (DELETE FROM public.idempotency_keys
          WHERE client = $1 AND key = $2 AND created_at < now() - interval '{IdempotencyKey.Lifetime.TotalHours:0} hours' RETURNING client)
        SELECT {BuiltInTable.Columns}, fingerprint
        FROM (SELECT product_id AS id, version, fingerprint, $3 AS name, $4::numeric(12, 2) AS price, $5 AS description, {NoneAsNull("$6::jsonb")} AS attributes
          FROM public.idempotency_keys WHERE client = $1 AND key = $2 AND NOT EXISTS (SELECT FROM expired)) AS p
        """;

    private static readonly string Update =
        $"""
        UPDATE public.products AS p SET name = coalesce($2, name), price = coalesce($3, price), description = coalesce($4, description),
          attributes = CASE WHEN $5::jsonb IS NULL THEN attributes
            ELSE {NoneAsNull("CASE WHEN $6 THEN public.products_merge_patch(attributes, $5::jsonb) ELSE $5::jsonb END")} END
        WHERE id = $1 AND ($7::bigint[] IS NULL OR version = ANY($7)) AND ($8::bigint[] IS NULL OR version <> ALL($8)) RETURNING {BuiltInTable.Columns}
        """;

    private const string Delete = "DELETE FROM public.products WHERE id = $1 AND ($2::bigint[] IS NULL OR version = ANY($2)) AND ($3::bigint[] IS NULL OR version <> ALL($3))";

    private const string PassTrace = $"SELECT set_config('{ProductChangesRow.TraceSetting}', $1, true)";

    private const string FindVersion = "SELECT version FROM public.products WHERE id = $1";

    private readonly PostgresSchema schema = schema ?? PostgresSchema.Public;
    private readonly PostgresTimeout timeout = new(time);

    public Task<WriteResult> CreateAsync(ProductDraft draft, IdempotencyKey? key, CancellationToken cancellationToken) => WithinTimeoutAsync(
        async token =>
        {
            for (var attempt = 1; attempt <= MaxAttempts; attempt++)
            {
                try
                {
                    return await (key is null ? CreateOnceAsync(draft, token) : CreateOnceAsync(draft, key, token)) is { } product
                        ? new WriteResult.Written(product)
                        : new WriteResult.Refused(Suppressed);
                }
                catch (PostgresException taken) when (taken is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: IdTaken } && attempt < MaxAttempts)
                {
                    await MoveIdentityAsync(token);
                }
                catch (PostgresException taken) when (taken is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: KeyTaken })
                {
                    if (await RepeatAsync(draft, key!, token) is { } repeated)
                    {
                        return repeated;
                    }
                }
            }

            return new WriteResult.Unavailable("the idempotency key is in use");
        },
        cancellationToken);

    public Task<WriteResult> UpdateAsync(
        ProductId id, ProductDraft changes, VersionCondition? condition, CancellationToken cancellationToken) => WithinTimeoutAsync(
        async token =>
        {
            await using var batch = dataSource.CreateBatch();
            var update = AddStatement(batch, Update);
            update.AddWithValue(id.Value);
            AddDraft(update, changes);
            update.AddWithValue(changes.Attributes?.Merges ?? false);
            AddVersions(update, condition?.OneOf);
            AddVersions(update, condition?.NoneOf);
            return await ReadProductAsync(batch, token) is { } product ? new WriteResult.Written(product) : await WhyNotAsync(id, condition, token);
        },
        cancellationToken);

    public Task<WriteResult> DeleteAsync(ProductId id, VersionCondition? condition, CancellationToken cancellationToken) => WithinTimeoutAsync(
        async token =>
        {
            await using var batch = dataSource.CreateBatch();
            var delete = AddStatement(batch, Delete);
            delete.AddWithValue(id.Value);
            AddVersions(delete, condition?.OneOf);
            AddVersions(delete, condition?.NoneOf);
            return await batch.ExecuteNonQueryAsync(token) > 0 ? WriteResult.Deleted.Instance : await WhyNotAsync(id, condition, token);
        },
        cancellationToken);

    private async Task<WriteResult> WithinTimeoutAsync(Func<CancellationToken, Task<WriteResult>> writeAsync, CancellationToken cancellationToken)
    {
        return await timeout.WithinAsync(
            async token =>
            {
                try
                {
                    return await writeAsync(token);
                }
                catch (PostgresException refused) when (PostgresErrors.IsRefusal(refused))
                {
                    return new WriteResult.Refused(PostgresText.Of(refused));
                }
                catch (UnreadableProductException unreadable)
                {
                    return new WriteResult.Unreadable(unreadable.Message);
                }
            },
            cancellationToken);
    }

    private async Task MoveIdentityAsync(CancellationToken cancellationToken)
    {
        await using var move = dataSource.CreateCommand(schema.In(MoveIdentity));
        await move.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<Product?> CreateOnceAsync(ProductDraft draft, CancellationToken cancellationToken)
    {
        await using var batch = dataSource.CreateBatch();
        AddDraft(AddStatement(batch, Insert), draft);
        return await ReadProductAsync(batch, cancellationToken);
    }

    private async Task<Product?> CreateOnceAsync(ProductDraft draft, IdempotencyKey key, CancellationToken cancellationToken)
    {
        await using var batch = dataSource.CreateBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(schema.In(DeleteExpiredKeys)));
        var insert = AddStatement(batch, InsertWithKey);
        AddDraft(insert, draft);
        insert.AddWithValue(key.Client);
        insert.AddWithValue(key.Key);
        insert.AddWithValue(draft.Fingerprint());
        return await ReadProductAsync(batch, cancellationToken);
    }

    /// <summary>Adds the statement that writes, as the last of the batch.</summary>
    /// <returns>Its parameters.</returns>
    private NpgsqlParameterCollection AddStatement(NpgsqlBatch batch, string sql)
    {
        // The outbox stores it with the change, so that the trace of this request continues in the Worker. A batch is one transaction.
        if (ProductCacheSpans.CurrentTraceParent is { } traceParent)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(PassTrace) { Parameters = { new NpgsqlParameter<string> { TypedValue = traceParent } } });
        }

        var command = new NpgsqlBatchCommand(schema.In(sql));
        batch.BatchCommands.Add(command);
        return command.Parameters;
    }

    /// <returns>The result of the first request. Null: the key is free again.</returns>
    private async Task<WriteResult?> RepeatAsync(ProductDraft draft, IdempotencyKey key, CancellationToken cancellationToken)
    {
        await using var find = dataSource.CreateCommand(schema.In(FindKey));
        find.Parameters.AddWithValue(key.Client);
        find.Parameters.AddWithValue(key.Key);
        AddDraft(find.Parameters, draft);
        await using var reader = await find.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return null;
        }

        return reader.GetFieldValue<byte[]>(reader.GetOrdinal("fingerprint")).AsSpan().SequenceEqual(draft.Fingerprint())
            ? new WriteResult.Written(Read(reader))
            : WriteResult.KeyReused.Instance;
    }

    private async Task<WriteResult> WhyNotAsync(ProductId id, VersionCondition? condition, CancellationToken cancellationToken)
    {
        await using var find = dataSource.CreateCommand(schema.In(FindVersion));
        find.Parameters.AddWithValue(id.Value);
        return await find.ExecuteScalarAsync(cancellationToken) switch
        {
            not long => WriteResult.Absent.Instance,
            long version when !VersionRepair.IsVersion(version) => new WriteResult.Refused("The row has no version yet."),
            long version when condition?.Allows(new ProductVersion(version)) == false => new WriteResult.OtherVersion(new ProductVersion(version)),
            _ => new WriteResult.Refused(Suppressed),
        };
    }

    /// <summary>Reads the result of the last statement.</summary>
    private static async Task<Product?> ReadProductAsync(NpgsqlBatch batch, CancellationToken cancellationToken)
    {
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        IList<NpgsqlBatchCommand> commands = batch.BatchCommands;
        if (commands.Any(command => command.CommandText == PassTrace))
        {
            await reader.NextResultAsync(cancellationToken);
        }

        var product = await reader.ReadAsync(cancellationToken) ? Read(reader) : null;

        // The batch commits at its end: an error of the commit is thrown here.
        await reader.NextResultAsync(cancellationToken);
        return product;
    }

    /// <exception cref="UnreadableProductException">The row is not a valid product.</exception>
    private static Product Read(NpgsqlDataReader reader) =>
        new ProductReader(reader, ProductIdType.Bigint).TryRead(out var product, out var fault) ? product : throw new UnreadableProductException(fault);

    // No attributes, null in JSON and an empty object are the same.
    private static string NoneAsNull(string attributes) => $"nullif(nullif({attributes}, 'null'), '{{}}')";

    private static void AddDraft(NpgsqlParameterCollection parameters, ProductDraft draft)
    {
        parameters.Add(new NpgsqlParameter { Value = (object?)draft.Name ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        parameters.Add(new NpgsqlParameter { Value = (object?)draft.Price ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Numeric });
        parameters.Add(new NpgsqlParameter { Value = (object?)draft.Description ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        parameters.Add(AttributesOf(draft));
    }

    private static NpgsqlParameter AttributesOf(ProductDraft draft) =>
        new() { Value = (object?)draft.Attributes?.Json ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Jsonb };

    private static void AddVersions(NpgsqlParameterCollection parameters, IReadOnlyList<ProductVersion>? versions) => parameters.Add(new NpgsqlParameter
    {
        Value = versions is null ? DBNull.Value : versions.Select(version => version.Value).ToArray(),
        NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint,
    });
}
