namespace ProductCache.Infrastructure.Postgres;

/// <summary>Brings the objects of this service in the database up to date.</summary>
internal interface ISchemaMigration
{
    /// <returns>The number of steps that were taken.</returns>
    /// <exception cref="MigrationException">The database cannot be migrated, and was not changed.</exception>
    Task<int> MigrateAsync(CancellationToken cancellationToken);

    /// <summary>The statements that a migration would run now; empty if there are none.</summary>
    /// <exception cref="MigrationException">The database cannot be migrated.</exception>
    Task<string> ScriptAsync(CancellationToken cancellationToken);

    /// <summary>What keeps this version from working with the database. Null: nothing does.</summary>
    Task<string?> MissingAsync(CancellationToken cancellationToken);
}
