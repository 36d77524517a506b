using System.Text;
using Npgsql;
using NpgsqlTypes;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.Infrastructure.Mappings;

/// <summary>Installs and removes the objects of a mapping. Each verb is one transaction: it does everything or nothing.</summary>
internal sealed class MappingInstallation(ProductMapping mapping, NpgsqlDataSource dataSource, PostgresSchema schema, TimeProvider time) : ISchemaMigration
{
    /// <summary>
    /// How long a lock on a table of the shop is waited for: less than the time after which PostgreSQL looks for deadlocks (1 s), so that it is
    /// this transaction that gives way and not one of the shop.
    /// </summary>
    public static readonly TimeSpan LockTimeout = TimeSpan.FromMilliseconds(500);

    /// <summary>The same while another table is locked already, for which the shop waits.</summary>
    public static readonly TimeSpan FurtherLockTimeout = TimeSpan.FromMilliseconds(100);

    /// <summary>How often the locks are tried for.</summary>
    public const int MaxAttempts = 20;

    /// <summary>The time between two attempts, in which the shop works.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>For the whole verb.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);

    /// <summary>As the triggers run.</summary>
    internal const string SearchPath = "SET LOCAL search_path = pg_catalog, pg_temp";

    private const string FindMapping = "SELECT to_regclass($1) IS NOT NULL";

    // All triggers with our prefix whose function is in our schema, also those of another mapping.
    private const string FindTriggers =
        """
        SELECT t.tgname, format('%I.%I', n.nspname, c.relname), t.tgenabled, p.proname
        FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_proc AS p ON p.oid = t.tgfoid
        WHERE p.pronamespace = to_regnamespace($1) AND t.tgname LIKE 'product\_cache\_%' AND NOT t.tgisinternal
        """;

    // Null: there is no such table.
    private const string FindTables =
        """
        SELECT watch, (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(watch))
        FROM unnest($1) AS watch
        """;

    private const string FindOwn =
        """
        SELECT seqcache = 1 AND seqincrement = 1 AND NOT seqcycle,
               ARRAY(SELECT concat_ws(' ', t.tgname, o.relname) FROM pg_trigger AS t JOIN pg_class AS o ON o.oid = t.tgrelid
                     WHERE o.relnamespace = c.relnamespace AND t.tgenabled = 'A' AND NOT t.tgisinternal),
               ARRAY(SELECT concat_ws(' ', proname, prosrc) FROM pg_proc WHERE pronamespace = c.relnamespace AND prorettype = 'trigger'::regtype)
        FROM pg_sequence JOIN pg_class AS c ON c.oid = seqrelid WHERE c.relnamespace = to_regnamespace($1) AND c.relname = 'product_version_seq'
        """;

    private readonly MappingObjects objects = new(mapping, schema);

    private string Schema => $"\"{schema.Name}\"";

    /// <returns>The number of objects that were missing or different.</returns>
    public async Task<int> MigrateAsync(CancellationToken cancellationToken)
    {
        var difference = await DifferenceAsync(cancellationToken);
        if (difference.Count > 0)
        {
            await InstallAsync(cancellationToken);
        }

        return difference.Count;
    }

    public async Task<string> ScriptAsync(CancellationToken cancellationToken)
    {
        if ((await DifferenceAsync(cancellationToken)).Count == 0)
        {
            return string.Empty;
        }

        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, SearchPath, cancellationToken);
        return ScriptOf(await KeyTypesAsync(connection, cancellationToken), await TriggersAsync(connection, cancellationToken));
    }

    /// <summary>All statements of install, for a DBA who runs them.</summary>
    /// <param name="keyTypes">The types of the expressions by the names of the watches; see <see cref="KeyTypeAsync"/>.</param>
    internal string ScriptOf(IReadOnlyDictionary<string, string> keyTypes, FoundTriggers found) =>
        $"BEGIN;\nSET LOCAL lock_timeout = {(int)LockTimeout.TotalMilliseconds};\n{objects.CreateTables()}{StatementsOf(keyTypes, found)}\nCOMMIT;";

    public async Task<string?> MissingAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        if (await InstalledAsync(connection, cancellationToken) is not { } installed)
        {
            return $"The mapping {mapping.Name} is not installed in the schema {schema.Name}: run productcache mapping install as the owner of its tables, or set DB_MIGRATE=on.";
        }

        // Another mapping may be installed, which watches more.
        var missing = Names().Except(installed.Watches).ToList();
        return installed.IdType != mapping.IdType.Name ? OtherIds(installed)
            : missing.Count > 0 ? $"Another mapping is installed in the schema {schema.Name} ({installed.Name}), which does not watch what {mapping.Name} watches: run productcache mapping install."
            : null;
    }

    /// <summary>What install would do, one line each. Empty: nothing.</summary>
    public async Task<IReadOnlyList<string>> DifferenceAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        List<string> lines = [];
        var installed = await InstalledAsync(connection, cancellationToken);
        if (installed is null)
        {
            lines.Add($"create the tables, functions and the sequence in the schema {schema.Name}");
        }
        else if (installed.IdType != mapping.IdType.Name)
        {
            throw new MigrationException(OtherIds(installed));
        }
        else
        {
            if (installed.Number != Number)
            {
                lines.Add($"replace the mapping {installed.Name} ({installed.Number}) by {mapping.Name} ({Number})");
            }

            lines.AddRange(await OwnFaultsAsync(connection, cancellationToken));
        }

        var found = await TriggersAsync(connection, cancellationToken);
        lines.AddRange(WrongOf(found).Select(trigger => $"{(found.Of(trigger) is null ? "create" : "replace")} the trigger {trigger.Name} on {trigger.Table}"));
        lines.AddRange(found.Except(objects.Triggers).Select(one => $"remove the trigger {one.Name} from {one.Table}"));
        return lines;
    }

    /// <exception cref="MigrationException">The objects cannot be created. Nothing was changed.</exception>
    public Task InstallAsync(CancellationToken cancellationToken) => RunAsync(
        async (connection, busy, token) =>
        {
            var installed = await InstalledAsync(connection, token);
            if (installed is not null && installed.IdType != mapping.IdType.Name)
            {
                throw new MigrationException(OtherIds(installed));
            }

            // The other instance may have repaired it meanwhile, or a part.
            var found = await TriggersAsync(connection, token);
            var areTablesRight = installed is not null && (await OwnFaultsAsync(connection, token)).Count == 0;
            await LockAsync(
                connection,
                areTablesRight ? WrongOf(found).Select(trigger => trigger.Table) : objects.Triggers.Select(trigger => trigger.Table),
                found.Except(objects.Triggers).Select(trigger => trigger.Table),
                busy,
                token);
            var keyTypes = await KeyTypesAsync(connection, token);
            await ExecuteAsync(connection, (areTablesRight ? string.Empty : objects.CreateTables()) + StatementsOf(keyTypes, found), token);
        },
        cancellationToken);

    /// <summary>Removes everything that install has created.</summary>
    /// <exception cref="MigrationException">It cannot be removed. Nothing was changed.</exception>
    public Task RemoveAsync(CancellationToken cancellationToken) => RunAsync(
        async (connection, busy, token) =>
        {
            var found = await TriggersAsync(connection, token);
            await LockAsync(connection, [], found.All.Select(trigger => trigger.Table), busy, token);
            var script = new StringBuilder();
            foreach (var trigger in found.All)
            {
                script.Append($"DROP TRIGGER {trigger.Name} ON {trigger.Table};\n");
            }

            foreach (var function in await FunctionsAsync(connection, token))
            {
                script.Append($"DROP FUNCTION {Schema}.{function}() CASCADE;\n");
            }

            foreach (var table in (string[])["product_mapping", "product_watches", "product_expansions", "product_touches", "product_changes", "product_changes_parked", "product_versions"])
            {
                script.Append($"DROP TABLE IF EXISTS {Schema}.{table};\n");
            }

            script.Append($"DROP SEQUENCE IF EXISTS {Schema}.product_version_seq;\n");
            await ExecuteAsync(connection, script.ToString(), token);
            if (schema.Name != PostgresSchema.Default)
            {
                // Only if nothing else is in it, and if it is not another owner who has created it.
                await ExecuteAsync(
                    connection,
                    $"DO $$ BEGIN DROP SCHEMA IF EXISTS {Schema}; EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL; END $$",
                    token);
            }
        },
        cancellationToken);

    /// <summary>The triggers of all mappings on tables of the shop.</summary>
    internal async Task<FoundTriggers> TriggersAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        List<FoundTrigger> triggers = [];
        await using (var command = new NpgsqlCommand(FindTriggers, connection))
        {
            command.Parameters.AddWithValue(Schema);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                triggers.Add(new FoundTrigger(reader.GetString(0), reader.GetString(1), reader.GetChar(2), reader.GetString(3)));
            }
        }

        Dictionary<string, string?> tables = [];
        await using (var command = new NpgsqlCommand(FindTables, connection))
        {
            command.Parameters.Add(new NpgsqlParameter<string[]>
            {
                TypedValue = [.. mapping.Watches.Select(watch => watch.Table).Distinct()],
                NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text,
            });
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                tables[reader.GetString(0)] = reader.IsDBNull(1) ? null : reader.GetString(1);
            }
        }

        return new FoundTriggers(triggers, tables);
    }

    // What install would repair of our own tables.
    private async Task<List<string>> OwnFaultsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(FindOwn, connection);
        command.Parameters.AddWithValue(Schema);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return ["create the sequence product_version_seq"];
        }

        var triggers = reader.GetFieldValue<string[]>(1);

        // One that is missing has taken its trigger with it.
        var functions = reader.GetFieldValue<string[]>(2);
        return
        [
            .. reader.GetBoolean(0) ? [] : (string[])["let the sequence product_version_seq give one number after the other"],
            .. objects.Functions.Where(function => functions.Any(found => found.StartsWith($"{function.Name} ", StringComparison.Ordinal) && found != $"{function.Name} {function.Body}")).Select(function => $"replace the function {schema.Name}.{function.Name}"),
            .. MappingObjects.OwnTriggers.Where(own => !triggers.Contains($"{own.Name} {own.Table}")).Select(own => $"replace the trigger {own.Name} on {schema.Name}.{own.Table}"),
        ];
    }

    internal async Task<InstalledMapping?> InstalledAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using (var find = new NpgsqlCommand(FindMapping, connection))
        {
            find.Parameters.AddWithValue($"{Schema}.product_mapping");
            if (await find.ExecuteScalarAsync(cancellationToken) is not true)
            {
                return null;
            }
        }

        await using var read = new NpgsqlCommand($"SELECT number, id_type, name, watches FROM {Schema}.product_mapping", connection);
        await using var reader = await read.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new InstalledMapping(reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetFieldValue<string[]>(3))
            : null;
    }

    private string Number => ProductMapping.TextOf(mapping.Format.Mapping);

    private IEnumerable<string> Names() => mapping.Watches.Select((watch, number) => MappingObjects.NameOf(watch, number));

    private string OtherIds(InstalledMapping installed) =>
        $"The schema {schema.Name} has a mapping for ids of the type {installed.IdType} ({installed.Name}), but {mapping.Name} has {mapping.IdType}: remove it first, or set DB_SCHEMA to another schema.";

    private IEnumerable<WatchTrigger> WrongOf(FoundTriggers found) =>
        objects.Triggers.Where(trigger => found.Of(trigger) is not { } actual || actual.Enabled != trigger.Enabled || actual.Function != trigger.Function);

    // The functions, the triggers that are wrong, and the record of the mapping.
    private string StatementsOf(IReadOnlyDictionary<string, string> keyTypes, FoundTriggers found)
    {
        var script = new StringBuilder(objects.CreateFunctions());
        foreach (var trigger in WrongOf(found))
        {
            script.Append('\n').Append(trigger.Definition);
        }

        foreach (var trigger in found.Except(objects.Triggers))
        {
            script.Append($"\nDROP TRIGGER {trigger.Name} ON {trigger.Table};");
        }

        return script.Append('\n').Append(RecordOf(keyTypes)).ToString();
    }

    // Transactions of the shop lock the same tables in other orders. The table that was busy is locked first the next time: while it is waited for, nothing
    // waits for this transaction.
    private static async Task LockAsync(
        NpgsqlConnection connection, IEnumerable<string> getTriggers, IEnumerable<string> loseTriggers, BusyTable busy, CancellationToken cancellationToken)
    {
        var modes = getTriggers.Distinct().ToDictionary(table => table, _ => "SHARE ROW EXCLUSIVE");
        foreach (var table in loseTriggers)
        {
            modes[table] = "ACCESS EXCLUSIVE";
        }

        var timeout = LockTimeout;
        foreach (var (table, mode) in modes.OrderBy(one => one.Key != busy.Name).ThenBy(one => one.Key, StringComparer.Ordinal))
        {
            busy.Name = table;
            await ExecuteAsync(connection, $"SET LOCAL lock_timeout = {(int)timeout.TotalMilliseconds}; LOCK TABLE {table} IN {mode} MODE", cancellationToken);
            timeout = FurtherLockTimeout;
        }
    }

    private async Task<Dictionary<string, string>> KeyTypesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        Dictionary<string, string> types = [];
        for (var i = 0; i < mapping.Watches.Count; i++)
        {
            // Of all, since PostgreSQL creates functions whose statements cannot run, and then every write of the shop would fail.
            types[MappingObjects.NameOf(mapping.Watches[i], i)] = await KeyTypeAsync(connection, mapping.Watches[i], mapping.IdType, cancellationToken);
        }

        return types;
    }

    /// <summary>The type of the expression of a watch, without modifiers. The transaction must have <see cref="SearchPath"/>.</summary>
    internal static async Task<string> KeyTypeAsync(NpgsqlConnection connection, Watch watch, ProductIdType idType, CancellationToken cancellationToken)
    {
        // In the triggers the rows have other names than that of the table.
        await using var command = new NpgsqlCommand($"SELECT ({watch.Expression}) AS key, {watch.KeyAs(idType)} AS recorded FROM {watch.Table} AS one_of_the_rows LIMIT 0", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return WithoutModifiers(reader.GetDataTypeName(0));
    }

    /// <summary>"numeric" for "numeric(10,2)", "text[]" for "text[]".</summary>
    internal static string WithoutModifiers(string type)
    {
        var (open, close) = (type.IndexOf('(', StringComparison.Ordinal), type.IndexOf(')', StringComparison.Ordinal));
        return open < 0 ? type : type[..open] + type[(close + 1)..];
    }

    private string RecordOf(IReadOnlyDictionary<string, string> keyTypes)
    {
        var script = new StringBuilder();
        for (var i = 0; i < mapping.Watches.Count; i++)
        {
            if (mapping.Watches[i] is not { Expansion: { } expansion } watch)
            {
                continue;
            }

            var name = MappingObjects.NameOf(watch, i);
            script.Append(
                $"""
                INSERT INTO {Schema}.product_watches (name, key_type, expansion) VALUES ({Quoted(name)}, {Quoted(keyTypes[name])}, {Quoted(expansion)})
                ON CONFLICT (name) DO UPDATE SET key_type = excluded.key_type, expansion = excluded.expansion;

                """);
        }

        return script.Append(
            $"""
            INSERT INTO {Schema}.product_mapping (number, id_type, name, watches)
            VALUES ({Quoted(Number)}, {Quoted(mapping.IdType.Name)}, {Quoted(mapping.Name)}, ARRAY[{string.Join(", ", Names().Select(Quoted))}])
            ON CONFLICT (one) DO UPDATE SET number = excluded.number, name = excluded.name, watches = excluded.watches, installed_at = now();
            """).ToString();
    }

    // E: whatever standard_conforming_strings is.
    private static string Quoted(string text) => $"E'{text.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("'", "''", StringComparison.Ordinal)}'";

    private async Task<List<string>> FunctionsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace($1) AND (proname LIKE '{MappingObjects.FunctionPrefix.Replace("_", @"\_", StringComparison.Ordinal)}%' OR proname IN ('product_draw_versions', 'product_changes_notify'))",
            connection);
        command.Parameters.AddWithValue(Schema);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<string> names = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }

    private async Task RunAsync(Func<NpgsqlConnection, BusyTable, CancellationToken, Task> runAsync, CancellationToken cancellationToken)
    {
        BusyTable busy = new();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

                // Instances queue; the lock belongs to the transaction.
                await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock(hashtextextended('product-cache mapping {schema.Name}', 0))", cancellationToken);
                await ExecuteAsync(connection, $"SET LOCAL lock_timeout = {(int)LockTimeout.TotalMilliseconds}; {SearchPath}", cancellationToken);
                await runAsync(connection, busy, cancellationToken);
                await transaction.CommitAsync(cancellationToken);
                return;
            }
            catch (PostgresException locked) when (locked.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
            {
                if (attempt == MaxAttempts)
                {
                    throw new MigrationException(
                        $"The tables of the mapping {mapping.Name} are in use: their locks could not be had in {MaxAttempts} attempts of {LockTimeout.TotalMilliseconds:0} ms, {busy.Name} the last time. Nothing was changed.", locked);
                }
            }
            catch (PostgresException refused)
            {
                throw new MigrationException($"PostgreSQL refuses the objects of the mapping {mapping.Name}: {PostgresText.Of(refused)}. Nothing was changed.", refused);
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    // The table for which the last attempt waited.
    private sealed class BusyTable
    {
        public string? Name { get; set; }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        if (sql.Length > 0)
        {
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = (int)Timeout.TotalSeconds };
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}

/// <param name="Table">With the schema, in quotes where they are needed.</param>
/// <param name="Enabled">As in pg_trigger.</param>
internal sealed record FoundTrigger(string Name, string Table, char Enabled, string Function);

/// <summary>The triggers that the database has, and the watched tables by the names of the mapping. Null: there is no such table.</summary>
internal sealed record FoundTriggers(IReadOnlyList<FoundTrigger> All, IReadOnlyDictionary<string, string?> Tables)
{
    public IEnumerable<string> MissingTables => Tables.Where(table => table.Value is null).Select(table => table.Key);

    /// <summary>A trigger goes with its table when that is renamed: what counts is the table that has the name now.</summary>
    public FoundTrigger? Of(WatchTrigger expected) => All.FirstOrDefault(one => Is(one, expected));

    /// <summary>Those that the mapping does not have.</summary>
    public IEnumerable<FoundTrigger> Except(IReadOnlyList<WatchTrigger> expected) => All.Where(one => !expected.Any(trigger => Is(one, trigger)));

    private bool Is(FoundTrigger one, WatchTrigger expected) => one.Name == expected.Name && one.Table == Tables.GetValueOrDefault(expected.Table);
}

/// <param name="Number">16 hexadecimal digits.</param>
internal sealed record InstalledMapping(string Number, string IdType, string Name, IReadOnlyList<string> Watches);
