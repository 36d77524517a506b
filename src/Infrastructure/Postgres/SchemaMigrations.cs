using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>The migration for a command line, without a host.</summary>
public static class SchemaMigrations
{
    /// <returns>What was done, in one sentence.</returns>
    /// <exception cref="MigrationException">The schema could not be migrated, and was not changed.</exception>
    public static Task<string> MigrateAsync(PostgresOptions options, CancellationToken cancellationToken) => RunAsync(
        options,
        async migration =>
        {
            var applied = await migration.MigrateAsync(cancellationToken);
            return applied == 0 ? $"The schema {options.Schema} is up to date." : $"The schema {options.Schema} is up to date: {applied} migrations were applied.";
        });

    /// <returns>The statements; a comment if there are none.</returns>
    /// <inheritdoc cref="MigrateAsync"/>
    public static Task<string> ScriptAsync(PostgresOptions options, CancellationToken cancellationToken) => RunAsync(
        options,
        async migration => await migration.ScriptAsync(cancellationToken) is { Length: > 0 } script ? script : $"-- The schema {options.Schema} is up to date.");

    private static async Task<string> RunAsync(PostgresOptions options, Func<ISchemaMigration, Task<string>> runAsync)
    {
        await using var services = new ServiceCollection().AddSchemaMigration(options).BuildServiceProvider();
        try
        {
            return await runAsync(services.GetRequiredService<ISchemaMigration>());
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or IOException)
        {
            throw new MigrationException(services.GetRequiredService<PostgresFaults>().Explain(exception), exception);
        }
    }
}

/// <summary>The schema could not be migrated, and was not changed. The message is for operators.</summary>
public sealed class MigrationException(string message, Exception? cause = null) : Exception(message, cause);
