using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>
/// Brings the tables, functions and triggers of this service up to date, in one transaction. The migrations are those of EF; their statements
/// are generated and run here, since EF can only run them in the schema that they were written for.
/// </summary>
internal sealed class SchemaMigration(IDbContextFactory<ProductsDbContext> contexts, NpgsqlDataSource dataSource, PostgresSchema schema) : ISchemaMigration
{
    /// <summary>The key of the advisory lock: a number that other users of the database are unlikely to choose.</summary>
    private const long LockKey = 0x70726f6475637473;

    /// <summary>The timeout for the lock, which another instance may hold, and for all migrations.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);

    private const string FindTables = """SELECT to_regclass('public.products') IS NOT NULL, to_regclass('public."__EFMigrationsHistory"') IS NOT NULL""";

    private const string FindApplied = """SELECT migration_id FROM public."__EFMigrationsHistory" ORDER BY migration_id""";

    /// <returns>The number of migrations that were applied.</returns>
    /// <exception cref="MigrationException">The schema cannot be migrated, and was not changed.</exception>
    public async Task<int> MigrateAsync(CancellationToken cancellationToken)
    {
        try
        {
            // Instances queue for the lock. It belongs to the transaction, so it also holds behind a pooler that assigns a session to each one.
            await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock({LockKey} # {LockOfSchema})", cancellationToken);
            var (count, script) = await PlanAsync(connection, cancellationToken);
            if (count > 0)
            {
                await ExecuteAsync(connection, script, cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
            return count;
        }
        catch (PostgresException refused) when (refused.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.DuplicateTable)
        {
            throw new MigrationException($"PostgreSQL refuses the migration of schema {schema.Name}: {PostgresText.Of(refused)}.", refused);
        }
    }

    /// <summary>The statements that a migration would run now; empty if there are none.</summary>
    /// <exception cref="MigrationException">The schema cannot be migrated.</exception>
    public async Task<string> ScriptAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        return (await PlanAsync(connection, cancellationToken)).Script;
    }

    /// <summary>What keeps this version from working with the schema. Null: nothing does. A newer schema works with older versions.</summary>
    public async Task<string?> MissingAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var applied = await AppliedAsync(connection, cancellationToken);
        var missing = (await AllAsync(cancellationToken)).Except(applied).ToList();
        return missing.Count == 0
            ? null
            : $"The schema {schema.Name} lacks {(applied.Count == 0 ? "the tables of ProductCache" : $"the migration {missing[0]}")}: run the Worker with the argument migrate and a role that may create them.";
    }

    private async Task<(int Count, string Script)> PlanAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var applied = await AppliedAsync(connection, cancellationToken);
        var known = await AllAsync(cancellationToken);
        if (applied.Except(known).FirstOrDefault() is { } newer)
        {
            throw new MigrationException($"The schema {schema.Name} has the migration {newer} of a newer version of ProductCache. Use that version.");
        }

        if (applied.Count == known.Count)
        {
            return (0, string.Empty);
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var script = context.GetService<IMigrator>().GenerateScript(
            applied.LastOrDefault(), options: MigrationsSqlGenerationOptions.NoTransactions);
        return (known.Count - applied.Count, CreateSchema(await HasSchemaAsync(connection, cancellationToken)) + schema.In(script));
    }

    private string CreateSchema(bool exists) => exists ? string.Empty : $"CREATE SCHEMA \"{schema.Name}\";{Environment.NewLine}";

    private async Task<List<string>> AppliedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using (var find = new NpgsqlCommand(schema.In(FindTables), connection))
        await using (var found = await find.ExecuteReaderAsync(cancellationToken))
        {
            await found.ReadAsync(cancellationToken);
            switch (found.GetBoolean(0), found.GetBoolean(1))
            {
                case (_, true):
                    break;
                case (true, false):
                    // A table of another application must not be changed.
                    throw new MigrationException(
                        $"The table {schema.Name}.products was not created by ProductCache. Rename it, or set DB_SCHEMA or DB_NAME to another one.");
                default:
                    return [];
            }
        }

        await using var read = new NpgsqlCommand(schema.In(FindApplied), connection);
        await using var reader = await read.ExecuteReaderAsync(cancellationToken);
        List<string> applied = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            applied.Add(reader.GetString(0));
        }

        return applied;
    }

    private async Task<List<string>> AllAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return [.. context.Database.GetMigrations()];
    }

    private async Task<bool> HasSchemaAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var find = new NpgsqlCommand("SELECT to_regnamespace($1) IS NOT NULL", connection);
        find.Parameters.AddWithValue($"\"{schema.Name}\"");
        return (bool)(await find.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = (int)Timeout.TotalSeconds };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // 0 for the schema public, as in older versions.
    private string LockOfSchema => schema.Name == PostgresSchema.Default ? "0" : $"hashtextextended('{schema.Name}', 0)";
}
