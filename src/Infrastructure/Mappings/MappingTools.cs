using System.Text;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.Infrastructure.Mappings;

internal sealed class MappingTools(
    ProductMapping mapping, MappingInstallation installation, MappedCatalogue catalogue, NpgsqlDataSource dataSource, PostgresFaults faults, PostgresSchema schema) : IMappingTools
{
    /// <summary>Products of the list that a check looks at, if it is given none.</summary>
    public const int MaxSamples = 5;

    // A table of so many rows may be read as a whole.
    private const int SmallTable = 1_000;

    private const string FindTable =
        """
        SELECT c.relkind, c.relpersistence, c.relispartition, EXISTS (SELECT FROM pg_inherits WHERE c.oid IN (inhrelid, inhparent)),
               n.nspname LIKE 'pg\_%' OR n.nspname = 'information_schema', has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'TRIGGER'),
               pg_has_role(c.relowner, 'USAGE')
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)
        """;

    private readonly List<Check> checks = [];

    public Task<IReadOnlyList<string>> DifferenceAsync(CancellationToken cancellationToken) => ExplainedAsync(() => installation.DifferenceAsync(cancellationToken));

    public Task InstallAsync(CancellationToken cancellationToken) => ExplainedAsync(async () =>
    {
        await installation.InstallAsync(cancellationToken);
        return true;
    });

    public Task RemoveAsync(CancellationToken cancellationToken) => ExplainedAsync(async () =>
    {
        await installation.RemoveAsync(cancellationToken);
        return true;
    });

    public Task<MappingReport> CheckAsync(IReadOnlyCollection<string> ids, CancellationToken cancellationToken) => ExplainedAsync(async () =>
    {
        checks.Clear();
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        Fine("mapping", $"{mapping.Name}: ids are {mapping.IdType}, {mapping.Watches.Count} watches, number {Number}.");
        var report = new MappingReport(Number, checks, [], null, string.Empty);
        var areTablesFine = true;
        Dictionary<string, string> keyTypes = [];
        for (var i = 0; i < mapping.Watches.Count; i++)
        {
            var watch = mapping.Watches[i];
            var type = await CheckTableAsync(connection, watch, cancellationToken) ? await CheckWatchAsync(connection, watch, cancellationToken) : null;
            areTablesFine &= type is not null;
            keyTypes[MappingObjects.NameOf(watch, i)] = type ?? string.Empty;
        }

        if (!areTablesFine)
        {
            return report;
        }

        report = report with { Script = installation.ScriptOf(keyTypes, await installation.TriggersAsync(connection, cancellationToken)) };
        await CheckRightsAsync(connection, cancellationToken);
        if (!await CheckSelectAsync(connection, cancellationToken))
        {
            return report;
        }

        var chosen = await ChooseAsync(connection, ids, cancellationToken);
        var plan = await CheckPlanAsync(connection, chosen, cancellationToken);
        return report with { Products = await ReadAsync(chosen, cancellationToken), Plan = plan };
    });

    private string Number => ProductMapping.TextOf(mapping.Format.Mapping);

    private void Fine(string subject, string text) => checks.Add(new Check(subject, CheckResult.Fine, text));

    private bool Fault(string subject, string text, string? remedy = null)
    {
        checks.Add(new Check(subject, CheckResult.Fault, text, remedy));
        return false;
    }

    private async Task<bool> CheckTableAsync(NpgsqlConnection connection, Watch watch, CancellationToken cancellationToken)
    {
        try
        {
            await using var command = new NpgsqlCommand(FindTable, connection);
            command.Parameters.AddWithValue(watch.Table);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            return await reader.ReadAsync(cancellationToken)
                ? CheckTable(watch.Table, reader)
                : Fault(watch.Table, $"The table {watch.Table} does not exist.", "Correct the watch: schema.table, in the spelling of PostgreSQL.");
        }
        catch (PostgresException refused) when (refused.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return Fault(watch.Table, $"The user may not see {watch.Table}: {PostgresText.Of(refused)}.");
        }
    }

    private bool CheckTable(string table, NpgsqlDataReader reader)
    {
        var kind = reader.GetChar(0) switch
        {
            'v' => "a view: its rows have no triggers. Watch the tables that it reads",
            'm' => "a materialized view: it changes only when it is refreshed. Watch the tables that it reads",
            'f' => "a foreign table: changes on its server are not seen here",
            'p' => "partitioned: a row that is written to a partition fires no trigger of the table",
            'r' when reader.GetBoolean(2) => "a partition: rows of the table that move to another partition are not seen",
            'r' when reader.GetBoolean(3) => "part of an inheritance: rows of the other tables are not seen",
            'r' when reader.GetChar(1) == 't' => "temporary: it ends with its session",
            'r' when reader.GetBoolean(4) => "a table of the system, which fires no triggers",
            'r' => null,
            _ => "not a table",
        };
        if (kind is not null)
        {
            return Fault(table, $"{table} is {kind}.");
        }

        var denied = !reader.GetBoolean(5) ? "read" : !reader.GetBoolean(6) ? "create triggers on" : null;
        return denied is not null ? Fault(table, $"The user may not {denied} {table}.", "Run the verbs of mappings as the owner of the table.")

            // PostgreSQL lets only the owner say in which sessions a trigger fires, and remove it.
            : reader.GetBoolean(7) || Fault(table, $"The user does not own {table}, so it may not enable and remove triggers on it.", "Run the verbs of mappings as the owner of the table.");
    }

    /// <returns>The type of the expression. Null: the watch cannot work.</returns>
    private async Task<string?> CheckWatchAsync(NpgsqlConnection connection, Watch watch, CancellationToken cancellationToken)
    {
        string type;
        try
        {
            type = await ReadOnlyAsync(connection, MappingInstallation.SearchPath, () => MappingInstallation.KeyTypeAsync(connection, watch, mapping.IdType, cancellationToken), cancellationToken);
        }
        catch (PostgresException refused)
        {
            Fault(
                watch.Table,
                $"The expression ({watch.Expression}) cannot be computed from a row of {watch.Table}: {PostgresText.Of(refused)}.",
                "Triggers have no search path: write the schema before your own functions and types, and no table before columns.");
            return null;
        }

        if (watch.Expansion is not { } expansion)
        {
            return CheckId(watch.Table, $"The expression ({watch.Expression}) of {watch.Table}", type) ? type : null;
        }

        if (type is "record")
        {
            return Fault(watch.Table, $"The expression ({watch.Expression}) of {watch.Table} gives several columns instead of one key.") ? type : null;
        }

        try
        {
            var columns = await ColumnsOfAsync(connection, expansion.Replace(ProductMapping.KeysParameter, $"(NULL::{type}[])", StringComparison.Ordinal), [], cancellationToken);
            var isFine = columns.Count == 1
                ? CheckId(watch.Table, $"The SELECT behind {watch.Table}", columns[0].Type)
                : Fault(watch.Table, $"The SELECT behind {watch.Table} gives {columns.Count} columns instead of one, the ids of the products.");
            return isFine ? type : null;
        }
        catch (PostgresException refused)
        {
            return Fault(watch.Table, $"The SELECT behind {watch.Table} fails: {PostgresText.Of(refused)}.") ? type : null;
        }
    }

    private bool CheckId(string subject, string what, string type)
    {
        var fits = mapping.IdType == ProductIdType.Bigint ? type is "bigint" or "integer" or "smallint"
            : mapping.IdType == ProductIdType.Uuid ? type == "uuid"
            : type != "record" && !type.EndsWith("[]", StringComparison.Ordinal);
        if (fits)
        {
            Fine(subject, $"{what} gives {type}.");
        }

        return fits || Fault(subject, $"{what} gives {type}, but the ids are {mapping.IdType}.", "Correct the expression, or the type of the ids.");
    }

    private async Task CheckRightsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $1), has_database_privilege(current_database(), 'CREATE'))", connection);
        command.Parameters.AddWithValue(schema.Name);
        if (await command.ExecuteScalarAsync(cancellationToken) is true)
        {
            Fine("rights", $"install may create its tables in the schema {schema.Name}. The role of the Worker needs SELECT on all tables of the SELECT, and the rights of deploy/rights/mapping-grants.sql.");
        }
        else
        {
            Fault("rights", $"The user may not create tables in the schema {schema.Name}.", "Run the verbs install and remove as the owner of the database, or let the owner create the schema for this user.");
        }
    }

    private async Task<bool> CheckSelectAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            Dictionary<string, string> columns = new(StringComparer.Ordinal);
            foreach (var (name, type) in await ColumnsOfAsync(connection, SelectOf("$1"), [ProductStatement.ParameterOf(mapping.IdType, [])], cancellationToken))
            {
                if (!columns.TryAdd(name, type))
                {
                    return Fault("select", $"The SELECT gives two columns with the name {name}.");
                }
            }

            return CheckColumns(columns);
        }
        catch (PostgresException refused)
        {
            return Fault("select", $"PostgreSQL refuses the SELECT: {PostgresText.Of(refused)}.", refused.Position > 0 ? $"Character {refused.Position} of the statement." : null);
        }
    }

    private bool CheckColumns(Dictionary<string, string> columns)
    {
        if (!columns.TryGetValue("id", out var id))
        {
            return Fault("select", "The SELECT gives no column id.");
        }

        if (!columns.TryGetValue("body", out var body) || body is not ("jsonb" or "json"))
        {
            return Fault("select", body is null ? "The SELECT gives no column body." : $"The column body is {body}, not jsonb or json.");
        }

        // It is compared with texts without a cast.
        var isFine = mapping.IdType == ProductIdType.Text && id is not ("text" or "character varying" or "character" or "name") && !id.EndsWith("citext", StringComparison.Ordinal)
            ? Fault("select", $"The column id gives {id}, but the ids are text.", "Correct the type of the ids, or cast the column to text.")
            : CheckId("select", "The column id", id);
        foreach (var (name, types) in new (string, string[])[]
        {
            ("valid_until", ["timestamp with time zone"]), ("tags", ["text[]", "character varying[]"]), ("fault", ["text", "character varying"]),
        })
        {
            if (columns.Remove(name, out var type) && !types.Contains(type))
            {
                isFine = Fault("select", $"The column {name} is {type}, not {types[0]}.");
            }
        }

        if (columns.Keys.FirstOrDefault(name => name is not ("id" or "body")) is { } unknown)
        {
            isFine = Fault("select", $"The SELECT gives a column {unknown}. It may give id, body, valid_until, tags and fault.");
        }

        return isFine;
    }

    private async Task<IReadOnlyList<ProductId>> ChooseAsync(NpgsqlConnection connection, IReadOnlyCollection<string> ids, CancellationToken cancellationToken)
    {
        List<ProductId> chosen = [];
        foreach (var text in ids.Distinct())
        {
            if (mapping.IdType.TryParse(text, out var id))
            {
                chosen.Add(id);
            }
            else
            {
                Fault("ids", $"'{text}' is not a product id: {mapping.IdType.Rule}.");
            }
        }

        if (ids.Count > 0)
        {
            return chosen;
        }

        if (mapping.List is null)
        {
            checks.Add(new Check("list", CheckResult.Warning, "The mapping declares no list, so products cannot be listed, searched and warmed.", "-- list: select … as id, … as search from …; or name some ids for this check."));
            return [];
        }

        try
        {
            var columns = await ColumnsOfAsync(connection, mapping.List, [], cancellationToken);
            if (columns.All(column => column.Name != "id"))
            {
                Fault("list", "The list gives no column id.");
                return [];
            }

            var listed = await catalogue.ReadAsync(null, null, MaxSamples, cancellationToken);

            // The next page.
            await catalogue.ReadAsync(listed.Count > 0 ? listed[^1] : SomeId, null, 1, cancellationToken);
            if (columns.Any(column => column.Name == "search"))
            {
                await catalogue.ReadAsync(null, "abc", 1, cancellationToken);
                Fine("list", "Products can be listed and searched.");
            }
            else
            {
                checks.Add(new Check("list", CheckResult.Warning, "Products can be listed, but not searched (q): the list gives no column search."));
            }

            if (await catalogue.FindInvalidIdAsync(cancellationToken) is { } invalid)
            {
                checks.Add(new Check("list", CheckResult.Warning, $"The list gives '{invalid}', which is not {mapping.IdType.Rule}: such products are left out."));
            }

            return listed;
        }
        catch (Exception exception) when (exception is UnavailableException or PostgresException)
        {
            var reason = exception is PostgresException refused ? PostgresText.Of(refused) : ((UnavailableException)exception).Reason ?? exception.InnerException?.Message ?? exception.Message;
            Fault("list", $"The list fails: {reason.TrimEnd('.')}.");
            return [];
        }
    }

    private ProductId SomeId => mapping.IdType.TryParse(mapping.IdType == ProductIdType.Uuid ? $"{Guid.Empty}" : "1", out var id) ? id : throw new InvalidOperationException("No id.");

    private async Task<string?> CheckPlanAsync(NpgsqlConnection connection, IReadOnlyList<ProductId> ids, CancellationToken cancellationToken)
    {
        string text;
        try
        {
            // What is still read as a whole has no index that the statement could use.
            text = await ReadOnlyAsync(connection, "SET LOCAL enable_seqscan = off", () => ExplainAsync(connection, ids, cancellationToken), cancellationToken);
        }
        catch (PostgresException refused)
        {
            Fault("plan", $"PostgreSQL cannot plan the SELECT: {PostgresText.Of(refused)}.");
            return null;
        }

        using var plan = JsonDocument.Parse(text);
        var scanned = ScannedIn(plan.RootElement).Distinct().ToList();
        foreach (var table in scanned)
        {
            await CheckScanAsync(connection, table, cancellationToken);
        }

        if (scanned.Count == 0)
        {
            Fine("plan", "The SELECT finds the products by indexes.");
        }

        return text;
    }

    private async Task<string> ExplainAsync(NpgsqlConnection connection, IReadOnlyList<ProductId> ids, CancellationToken cancellationToken)
    {
        await using var explain = new NpgsqlCommand($"EXPLAIN (FORMAT JSON, VERBOSE) SELECT * FROM unnest($1) AS k(key) LEFT JOIN (\n{SelectOf("$1")}\n) AS m ON m.id = k.key", connection);
        explain.Parameters.Add(ProductStatement.ParameterOf(mapping.IdType, ids));
        return (string)(await explain.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The columns of a SELECT, which is not run.</summary>
    private static Task<List<(string Name, string Type)>> ColumnsOfAsync(
        NpgsqlConnection connection, string select, NpgsqlParameter[] parameters, CancellationToken cancellationToken) => ReadOnlyAsync(
        connection,
        string.Empty,
        async () =>
        {
            await using var command = new NpgsqlCommand($"SELECT * FROM (\n{select}\n) AS s LIMIT 0", connection);
            command.Parameters.AddRange(parameters);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            return Enumerable.Range(0, reader.FieldCount).Select(i => (reader.GetName(i), MappingInstallation.WithoutModifiers(reader.GetDataTypeName(i)))).ToList();
        },
        cancellationToken);

    // PostgreSQL calls functions of which it is told that they are immutable when it plans: they must not write either.
    private static async Task<T> ReadOnlyAsync<T>(NpgsqlConnection connection, string setting, Func<Task<T>> readAsync, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var begin = new NpgsqlCommand($"SET TRANSACTION READ ONLY; {setting}", connection);
        await begin.ExecuteNonQueryAsync(cancellationToken);
        return await readAsync();
    }

    private async Task CheckScanAsync(NpgsqlConnection connection, string table, CancellationToken cancellationToken)
    {
        await using var count = new NpgsqlCommand("SELECT reltuples::bigint, oid IN (SELECT to_regclass(w) FROM unnest($2) AS w) FROM pg_class WHERE oid = to_regclass($1)", connection);
        count.Parameters.AddWithValue(table);
        count.Parameters.Add(new NpgsqlParameter<string[]>
        {
            TypedValue = [.. mapping.Watches.Where(watch => watch.Expansion is null).Select(watch => watch.Table)],
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text,
        });
        await using var reader = await count.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var (rows, leadsToIds) = (reader.GetInt64(0), reader.GetBoolean(1));
        if (leadsToIds || rows > SmallTable)
        {
            Fault("plan", $"The SELECT reads the whole table {table} for each list of ids: it has no index that leads from an id to its rows.", $"Create one, for example: CREATE INDEX CONCURRENTLY ON {table} (…).");
        }
        else
        {
            checks.Add(new Check("plan", CheckResult.Warning, $"The SELECT reads the whole table {table}{(rows < 0 ? ", which was never analysed" : $", about {rows} rows")}.", "Fine while it is small."));
        }
    }

    private async Task<IReadOnlyList<MappedProduct>> ReadAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken)
    {
        if (ids.Count == 0)
        {
            return [];
        }

        var read = (await ProductRows.ReadAsync(dataSource, new ProductStatement(mapping, schema, withVersions: false), ids, cancellationToken)).ToRead();
        List<MappedProduct> products = [.. ids.Select(id => ProductOf(id, read))];
        foreach (var product in products.Where(product => product.Fault is not null))
        {
            Fault("products", $"Product {product.Id} cannot be served: {product.Fault}");
        }

        Fine("products", $"{products.Count(product => product.Body is not null)} of {products.Count} products have a body; {products.Count(product => product is { Body: null, Fault: null })} are absent.");
        return products;
    }

    private static MappedProduct ProductOf(ProductId id, StoreRead read) => read.Products.TryGetValue(id, out var product)
        ? new MappedProduct(id.Text, Encoding.UTF8.GetString(product.Json.Span), null, product.ValidFor, product.Tags)
        : new MappedProduct(id.Text, null, read.Unreadable.GetValueOrDefault(id), read.AbsenceOf(id).ValidFor, []);

    private string SelectOf(string ids) => mapping.Select.Replace(ProductMapping.IdsParameter, ids, StringComparison.Ordinal);

    private static IEnumerable<string> ScannedIn(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Array:
                return element.EnumerateArray().SelectMany(ScannedIn);
            case JsonValueKind.Object:
                var here = element.TryGetProperty("Node Type", out var node) && node.GetString() == "Seq Scan" && element.TryGetProperty("Relation Name", out var relation)
                    ? [element.TryGetProperty("Schema", out var name) ? $"\"{name.GetString()}\".\"{relation.GetString()}\"" : $"\"{relation.GetString()}\""]
                    : (string[])[];
                return here.Concat(element.EnumerateObject().SelectMany(member => ScannedIn(member.Value)));
            default:
                return [];
        }
    }

    private async Task<T> ExplainedAsync<T>(Func<Task<T>> runAsync)
    {
        try
        {
            return await runAsync();
        }
        catch (MigrationException failed)
        {
            throw new UnavailableException(Dependency.Store, failed, failed.Message.TrimEnd('.'));
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or IOException)
        {
            throw new UnavailableException(Dependency.Store, exception, faults.Explain(exception).TrimEnd('.'));
        }
    }
}
