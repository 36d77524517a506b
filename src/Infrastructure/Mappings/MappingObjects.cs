using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.Infrastructure.Mappings;

/// <summary>A trigger on a watched table.</summary>
/// <param name="Enabled">As in pg_trigger: O fires in normal sessions, R in replicating sessions, A in both.</param>
/// <param name="Function">Without the schema.</param>
internal sealed record WatchTrigger(string Name, string Table, char Enabled, string Function, string Definition);

/// <summary>The statements that create the objects of a mapping. The tables of the shop get triggers and nothing else.</summary>
internal sealed partial class MappingObjects(ProductMapping mapping, PostgresSchema schema)
{
    /// <summary>The beginning of the names of all triggers on tables of the shop.</summary>
    public const string TriggerPrefix = "product_cache_";

    /// <summary>Ids or keys of one row of product_touches or product_expansions.</summary>
    public const int MaxKeys = 500;

    /// <summary>The beginning of the names of all functions of watches.</summary>
    public const string FunctionPrefix = "touch_";

    private const string OneSide = $"{FunctionPrefix}rows";
    private const string BothSides = $"{FunctionPrefix}both";
    private const string AllRows = $"{FunctionPrefix}all";
    private const string OneRow = $"{FunctionPrefix}row";

    private static readonly string Template = Load();

    /// <summary>All triggers on the tables of the shop.</summary>
    public IReadOnlyList<WatchTrigger> Triggers { get; } =
        [.. mapping.Watches.SelectMany((watch, number) => TriggersOf(watch, NameOf(watch, number), schema))];

    /// <summary>All functions, with the statements between the dollars.</summary>
    public IEnumerable<(string Name, string Body)> Functions => FunctionPattern().Matches(CreateTables() + CreateFunctions()).Select(match => (match.Groups["name"].Value, match.Groups["body"].Value));

    /// <summary>The triggers on our own tables: they fire in all sessions.</summary>
    public static readonly IReadOnlyList<(string Name, string Table)> OwnTriggers =
    [
        ("product_draw_versions", "product_touches"), ("product_changes_notify", "product_changes"), ("product_expansions_notify", "product_expansions"),
    ];

    /// <summary>Creates our own tables, or what is missing of them. Every write of the shop waits meanwhile.</summary>
    public string CreateTables() =>

        // IF NOT EXISTS asks for CREATE in the database, also where the schema exists.
        $"DO $$ BEGIN IF to_regnamespace('\"{schema.Name}\"') IS NULL THEN CREATE SCHEMA \"{schema.Name}\"; END IF; END $$;\n"
        + Template
            .Replace("{schema}", schema.Name, StringComparison.Ordinal)
            .Replace("{id}", mapping.IdType.Name, StringComparison.Ordinal)
            .Replace("{channel}", schema.Channel, StringComparison.Ordinal);

    /// <summary>Creates or replaces the functions of all watches. Nothing waits for it.</summary>
    public string CreateFunctions() => string.Concat(mapping.Watches.Select((watch, number) => FunctionsOf(watch, NameOf(watch, number))));

    /// <summary>The name of a watch, by which expansions refer to it. It changes with what the watch says.</summary>
    public static string NameOf(Watch watch, int number) =>
        $"{number + 1}_{HashOf(watch.ToString())}";

    private static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 4));

    // Where the watch leads to ids, their values are cast to the type of the ids.
    private string FunctionsOf(Watch watch, string name)
    {
        var expression = watch.KeyAs(mapping.IdType);
        var isValid = watch.Expansion is null ? ValidIds(mapping.IdType, "key") : "key IS NOT NULL";
        var target = watch.Expansion is null
            ? $"INSERT INTO \"{schema.Name}\".product_touches (ids) SELECT array_agg(key)"
            : $"INSERT INTO \"{schema.Name}\".product_expansions (watch, keys) SELECT '{name}', array_agg(key)";
        string Record(string keys) =>
            $"{target} FROM (SELECT key, (row_number() OVER () - 1) / {MaxKeys} AS chunk FROM ({keys}) AS keys WHERE {isValid}) AS numbered GROUP BY chunk;";
        string KeysOf(string rows) => $"SELECT DISTINCT {expression} AS key FROM {rows}";
        string Function(string kind, string body) =>
            $"""

            CREATE OR REPLACE FUNCTION "{schema.Name}".{kind}_{name}() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            #variable_conflict use_column
            BEGIN
              {body}
              RETURN NULL;
            END
            $$;

            """;

        return Function(OneSide, Record(KeysOf("changed_rows")))
            + Function(BothSides, Record($"SELECT {expression} AS key FROM old_rows UNION SELECT {expression} FROM new_rows"))

            // TRUNCATE also removes rows that an older snapshot does not show.
            + Function(AllRows, $"""
                IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
                    RAISE EXCEPTION 'TRUNCATE of % needs the isolation level READ COMMITTED', TG_TABLE_NAME
                      USING ERRCODE = 'feature_not_supported', HINT = 'Every product that depends on a removed row is recorded, which needs to see all of them.';
                  END IF;
                  {Record(KeysOf(watch.Table))}
                """.Trim())

            // Logical replication applies rows one by one and fires no trigger of a statement, TRUNCATE excepted.
            + Function(OneRow, $"""
                IF TG_OP <> 'INSERT' THEN
                    {Record(KeysOf("(SELECT OLD.*) AS changed_rows"))}
                  END IF;
                  IF TG_OP <> 'DELETE' THEN
                    {Record(KeysOf("(SELECT NEW.*) AS changed_rows"))}
                  END IF;
                """.Trim());
    }

    /// <summary>
    /// A condition that is true for a valid id. Other values are not recorded: an index of PostgreSQL refuses long texts, and with them the
    /// write of the shop would fail.
    /// </summary>
    internal static string ValidIds(ProductIdType type, string column) =>
        type == ProductIdType.Text ? $"char_length({column}) BETWEEN 1 AND {ProductId.MaxLength}"
        : type == ProductIdType.Bigint ? $"{column} > 0"
        : $"{column} IS NOT NULL";

    private static IEnumerable<WatchTrigger> TriggersOf(Watch watch, string name, PostgresSchema schema)
    {
        // Mappings in two schemas may watch the same table.
        var owner = schema.Name == PostgresSchema.OfMappings ? string.Empty : $"{HashOf(schema.Name)}_";
        WatchTrigger Trigger(string suffix, char enabled, string function, string timing)
        {
            var trigger = $"{TriggerPrefix}{owner}{name}_{suffix}";
            var enable = enabled == 'O' ? string.Empty : $"\nALTER TABLE {watch.Table} ENABLE {(enabled == 'A' ? "ALWAYS" : "REPLICA")} TRIGGER {trigger};";

            // Not dropped first: that would wait for all readers of the table.
            return new WatchTrigger(
                trigger,
                watch.Table,
                enabled,
                function,
                $"""
                CREATE OR REPLACE TRIGGER {trigger} {timing} EXECUTE FUNCTION "{schema.Name}".{function}();{enable}

                """);
        }

        yield return Trigger("insert", 'O', $"{OneSide}_{name}", $"AFTER INSERT ON {watch.Table} REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT");
        yield return Trigger("update", 'O', $"{BothSides}_{name}", $"AFTER UPDATE ON {watch.Table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT");
        yield return Trigger("delete", 'O', $"{OneSide}_{name}", $"AFTER DELETE ON {watch.Table} REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT");
        yield return Trigger("truncate", 'A', $"{AllRows}_{name}", $"BEFORE TRUNCATE ON {watch.Table} FOR EACH STATEMENT");
        yield return Trigger("replicated", 'R', $"{OneRow}_{name}", $"AFTER INSERT OR UPDATE OR DELETE ON {watch.Table} FOR EACH ROW");
    }

    [GeneratedRegex(@"CREATE OR REPLACE FUNCTION ""[^""]+""\.(?<name>\w+)\(\)[^$]+\$\$(?<body>.+?)\$\$", RegexOptions.Singleline)]
    private static partial Regex FunctionPattern();

    private static string Load()
    {
        using var stream = typeof(MappingObjects).Assembly.GetManifestResourceStream($"{typeof(MappingObjects).Namespace}.objects.sql")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
