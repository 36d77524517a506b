using System.Globalization;
using Npgsql;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.Infrastructure.Mappings;

/// <summary>Audits and repairs the triggers on the watched tables and the sequence of versions.</summary>
internal sealed class MappedStoreAudit(
    NpgsqlDataSource dataSource, ProductMapping mapping, MappingInstallation installation, PostgresOptions options, PostgresSchema schema) : IStoreAudit
{
    private readonly MappingObjects objects = new(mapping, schema);

    private readonly string inspect =
        $"""
        SELECT concat_ws('/',
                 (SELECT system_identifier FROM pg_control_system()), (SELECT timeline_id FROM pg_control_checkpoint()),
                 (SELECT oid FROM pg_database WHERE datname = current_database()),
                 '"{schema.Name}".product_versions'::regclass::oid, '"{schema.Name}".product_version_seq'::regclass::oid),
               CASE WHEN versions.is_called THEN versions.last_value ELSE versions.last_value - 1 END,
               settings.seqcache, settings.seqincrement, settings.seqcycle,
               ARRAY(SELECT concat_ws(' ', tgname, tgenabled) FROM pg_trigger
                     WHERE tgrelid IN ('"{schema.Name}".product_touches'::regclass, '"{schema.Name}".product_changes'::regclass, '"{schema.Name}".product_expansions'::regclass) AND NOT tgisinternal)
        FROM "{schema.Name}".product_version_seq AS versions, pg_sequence AS settings
        WHERE settings.seqrelid = '"{schema.Name}".product_version_seq'::regclass
        """;

    private readonly string moveVersions =
        $"SELECT CASE WHEN last_value < $1 THEN setval('\"{schema.Name}\".product_version_seq', $1) ELSE last_value END FROM \"{schema.Name}\".product_version_seq";

    // Nothing is read: this asks only whether all tables, columns and rights are there.
    private readonly string describe = $"SELECT 1 FROM (\n{mapping.Select.Replace(ProductMapping.IdsParameter, "$1", StringComparison.Ordinal)}\n) AS m LIMIT 0";

    private readonly string redraw = $"INSERT INTO \"{schema.Name}\".product_touches (ids) VALUES ($1)";

    public Task<StoreState> InspectAsync(CancellationToken cancellationToken) => PostgresErrors.TranslateAsync(
        async () =>
        {
            await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
            List<string> faults = [];
            string identity;
            long last;
            await using (var command = new NpgsqlCommand(inspect, connection))
            await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
            {
                await reader.ReadAsync(cancellationToken);
                (identity, last) = (reader.GetString(0), reader.GetInt64(1));
                if (reader.GetInt64(2) != 1 || reader.GetInt64(3) != 1 || reader.GetBoolean(4))
                {
                    faults.Add("The sequence product_version_seq has another CACHE, INCREMENT or CYCLE than 1, 1 and false: versions would not be drawn in order.");
                }

                var own = reader.GetFieldValue<string[]>(5);
                faults.AddRange(MappingObjects.OwnTriggers
                    .Where(trigger => !own.Contains($"{trigger.Name} A")).Select(trigger => $"The trigger {trigger.Name} is missing or disabled."));
            }

            // The triggers of another mapping, of which this process is not a part, are judged by the processes of that mapping.
            if (await installation.InstalledAsync(connection, cancellationToken) is { } installed && installed.Number == ProductMapping.TextOf(mapping.Format.Mapping))
            {
                faults.AddRange(FaultsOf(await installation.TriggersAsync(connection, cancellationToken)));
            }

            if (faults.Count == 0)
            {
                await DescribeAsync(connection, cancellationToken);
            }

            return new StoreState(identity, last, faults);
        },
        cancellationToken,
        includeReason: true);

    public async Task RepairAsync(CancellationToken cancellationToken)
    {
        if (await FindMissingTableAsync(cancellationToken) is { } missing)
        {
            throw new StoreNotRepairedException($"{NotThere(missing)} Restore it, or install another mapping");
        }

        if (!options.Migrates)
        {
            var faults = (await InspectAsync(cancellationToken)).Faults;
            throw new StoreNotRepairedException($"{string.Join(' ', faults)} Run productcache mapping install, or set DB_MIGRATE=on");
        }

        try
        {
            await installation.InstallAsync(cancellationToken);
        }
        catch (MigrationException refused)
        {
            throw new StoreNotRepairedException(refused.Message.TrimEnd('.'));
        }
    }

    /// <summary>A product that was never touched has version 0, which is a version.</summary>
    public Task<int> DrawMissingVersionsAsync(CancellationToken cancellationToken) => Task.FromResult(0);

    public Task<long> MoveVersionsAsync(long version, CancellationToken cancellationToken) => AllowedAsync(
        async () =>
        {
            if (version > ProductVersion.Max)
            {
                throw new StoreNotRepairedException(string.Create(
                    CultureInfo.InvariantCulture, $"A version near {version} has been seen, beyond the largest version ({ProductVersion.Max}): the sequence cannot be moved past it."));
            }

            await using var command = dataSource.CreateCommand(moveVersions);
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = version });
            return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        },
        cancellationToken);

    public Task RedrawAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) => AllowedAsync(
        async () =>
        {
            await using var command = dataSource.CreateCommand(redraw);
            command.Parameters.Add(ProductStatement.ParameterOf(mapping.IdType, ids));
            return await command.ExecuteNonQueryAsync(cancellationToken);
        },
        cancellationToken);

    private static string NotThere(string table) => $"The watched table {table} does not exist.";

    private Task<string?> FindMissingTableAsync(CancellationToken cancellationToken) => PostgresErrors.TranslateAsync(
        async () =>
        {
            await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
            return (await installation.TriggersAsync(connection, cancellationToken)).MissingTables.FirstOrDefault();
        },
        cancellationToken,
        includeReason: true);

    private async Task DescribeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await using var command = new NpgsqlCommand(describe, connection);
            command.Parameters.Add(ProductStatement.ParameterOf(mapping.IdType, []));
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException refused) when (refused.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            throw new StoreNotRepairedException($"PostgreSQL refuses the SELECT of the mapping {mapping.Name}: {PostgresText.Of(refused)}");
        }
    }

    private IEnumerable<string> FaultsOf(FoundTriggers found)
    {
        foreach (var table in found.MissingTables)
        {
            yield return NotThere(table);
        }

        foreach (var trigger in objects.Triggers.Where(trigger => found.Tables.GetValueOrDefault(trigger.Table) is not null))
        {
            if (found.Of(trigger) is not { } actual || actual.Function != trigger.Function)
            {
                yield return $"The trigger {trigger.Name} on {trigger.Table} is missing.";
            }
            else if (actual.Enabled != trigger.Enabled)
            {
                yield return $"The trigger {trigger.Name} on {actual.Table} is {(actual.Enabled == 'D' ? "disabled" : $"enabled as {actual.Enabled} instead of {trigger.Enabled}")}.";
            }
        }
    }

    private static async Task<T> AllowedAsync<T>(Func<Task<T>> repairAsync, CancellationToken cancellationToken)
    {
        try
        {
            return await PostgresErrors.TranslateAsync(repairAsync, cancellationToken);
        }
        catch (UnavailableException exception) when (exception.InnerException is PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } refused)
        {
            throw new StoreNotRepairedException(PostgresText.Of(refused));
        }
    }
}
