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
               n.nspname LIKE 'pg\_%' OR n.nspname = 'information_schema', has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'TRIGGER')
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
        var report = new MappingReport(Number, checks, [], null, new MappingObjects(mapping, schema).Create());
        var areTablesFine = true;
        foreach (var watch in mapping.Watches)
        {
            areTablesFine &= await CheckTableAsync(connection, watch, cancellationToken) && await CheckWatchAsync(connection, watch, cancellationToken);
        }

        if (!areTablesFine)
        {
            return report;
        }

        await CheckRightsAsync(connection, cancellationToken);
        if (!await CheckSelectAsync(connection, cancellationToken))
        {
            return report;
        }

        var chosen = await ChooseAsync(ids, cancellationToken);
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
        await using var command = new NpgsqlCommand(FindTable, connection);
        command.Parameters.AddWithValue(watch.Table);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return Fault(watch.Table, $"The table {watch.Table} does not exist.", "Correct the watch: schema.table, in the spelling of PostgreSQL.");
        }

        var kind = reader.GetChar(0) switch
        {
            'v' => "a view: its rows have no triggers. Watch the tables that it reads",
            'm' => "a materialized view: it changes only when it is refreshed. Watch the tables that it reads",
            'f' => "a foreign table: changes on its server are not seen here",
            'p' => "partitioned: a row that is written to a partition fires no trigger of the table",
            'r' when reader.GetBoolean(2) => "a partition: rows of the table that move to another partition are not seen",
            'r' when reader.GetBoolean(3) => "part of an inheritance: rows of the other tables are not seen",
            'r' when reader.GetBoolean(4) => "a table of the system, which fires no triggers",
            'r' when reader.GetChar(1) == 't' => "temporary: it ends with its session",
            'r' => null,
            _ => "not a table",
        };
        if (kind is not null)
        {
            return Fault(watch.Table, $"{watch.Table} is {kind}.");
        }

        return (reader.GetBoolean(5) && reader.GetBoolean(6))
            || Fault(watch.Table, $"The user may not {(reader.GetBoolean(5) ? "create triggers on" : "read")} {watch.Table}.", $"GRANT SELECT, TRIGGER ON {watch.Table} TO …; or run the verb as the owner of the table.");
    }

    private async Task<bool> CheckWatchAsync(NpgsqlConnection connection, Watch watch, CancellationToken cancellationToken)
    {
        string type;
        try
        {
            type = await MappingInstallation.KeyTypeAsync(connection, watch, cancellationToken);
        }
        catch (PostgresException refused)
        {
            return Fault(watch.Table, $"The expression ({watch.Expression}) cannot be computed from a row of {watch.Table}: {PostgresText.Of(refused)}.");
        }

        if (watch.Expansion is not { } expansion)
        {
            return CheckId(watch.Table, $"The expression ({watch.Expression}) of {watch.Table}", type);
        }

        try
        {
            await using var command = new NpgsqlCommand(
                $"SELECT * FROM ({expansion.Replace(ProductMapping.KeysParameter, $"(NULL::{type}[])", StringComparison.Ordinal)}) AS found LIMIT 0", connection);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            return reader.FieldCount == 1
                ? CheckId(watch.Table, $"The SELECT behind {watch.Table}", WithoutModifiers(reader.GetDataTypeName(0)))
                : Fault(watch.Table, $"The SELECT behind {watch.Table} gives {reader.FieldCount} columns instead of one, the ids of the products.");
        }
        catch (PostgresException refused)
        {
            return Fault(watch.Table, $"The SELECT behind {watch.Table} fails: {PostgresText.Of(refused)}.");
        }
    }

    private bool CheckId(string subject, string what, string type)
    {
        var fits = mapping.IdType == ProductIdType.Bigint ? type is "bigint" or "integer" or "smallint"
            : mapping.IdType == ProductIdType.Uuid ? type == "uuid"
            : !type.EndsWith("[]", StringComparison.Ordinal);
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
        _ = await command.ExecuteScalarAsync(cancellationToken) is true
            ? AddFine($"install may create its tables in the schema {schema.Name}. The role of the Worker needs SELECT on all tables of the SELECT, and the rights of deploy/rights/mapping-grants.sql.")
            : Fault("rights", $"The user may not create tables in the schema {schema.Name}.", "Run the verbs install and remove as the owner of the database, or let the owner create the schema for this user.");

        bool AddFine(string text)
        {
            Fine("rights", text);
            return true;
        }
    }

    private async Task<bool> CheckSelectAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using var command = new NpgsqlCommand($"SELECT * FROM ({SelectOf("$1")}) AS m LIMIT 0", connection);
            command.Parameters.Add(ProductStatement.ParameterOf(mapping.IdType, []));
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            Dictionary<string, string> columns = new(StringComparer.Ordinal);
            for (var i = 0; i < reader.FieldCount; i++)
            {
                if (!columns.TryAdd(reader.GetName(i), WithoutModifiers(reader.GetDataTypeName(i))))
                {
                    return Fault("select", $"The SELECT gives two columns with the name {reader.GetName(i)}.");
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

        var isFine = CheckId("select", "The column id", id);
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

    private async Task<IReadOnlyList<ProductId>> ChooseAsync(IReadOnlyCollection<string> ids, CancellationToken cancellationToken)
    {
        List<ProductId> chosen = [];
        foreach (var text in ids)
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
            var listed = await catalogue.ReadAsync(null, null, MaxSamples, cancellationToken);
            _ = await catalogue.ReadAsync(null, "abc", 1, cancellationToken) is { Count: >= 0 };
            Fine("list", "Products can be listed and searched.");
            return listed;
        }
        catch (Exception exception) when (exception is UnavailableException or PostgresException)
        {
            Fault("list", $"The list fails: {(exception as UnavailableException)?.Reason ?? exception.Message}.", "It needs a column id, and a column search if products are to be searched (q).");
            return [];
        }
    }

    private async Task<string?> CheckPlanAsync(NpgsqlConnection connection, IReadOnlyList<ProductId> ids, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

        // What is still read as a whole has no index that the statement could use.
        await using (var set = new NpgsqlCommand("SET LOCAL enable_seqscan = off", connection))
        {
            await set.ExecuteNonQueryAsync(cancellationToken);
        }

        await using var explain = new NpgsqlCommand($"EXPLAIN (FORMAT JSON, VERBOSE) SELECT * FROM unnest($1) AS k(key) LEFT JOIN ({SelectOf("$1")}) AS m ON m.id = k.key", connection);
        explain.Parameters.Add(ProductStatement.ParameterOf(mapping.IdType, ids));
        var text = (string)(await explain.ExecuteScalarAsync(cancellationToken))!;
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

    private static string WithoutModifiers(string type)
    {
        var (open, close) = (type.IndexOf('(', StringComparison.Ordinal), type.IndexOf(')', StringComparison.Ordinal));
        return open < 0 ? type : type[..open] + type[(close + 1)..];
    }

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
