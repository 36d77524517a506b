using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>
/// The schema of the tables, functions and the migration history of this service: DB_SCHEMA. All statements are written for the schema
/// public, so that they can be tried in psql, and qualify each name, since the search path of a role may begin with another schema.
/// </summary>
internal sealed partial class PostgresSchema
{
    public const string Default = "public";

    /// <summary>The default with a mapping: nothing of ours is among the tables of the shop.</summary>
    public const string OfMappings = "product_cache";

    /// <summary>The limit of PostgreSQL for a name, in bytes.</summary>
    public const int MaxLength = 63;

    /// <summary>The channel that the trigger of the outbox notifies, in the schema public.</summary>
    private const string DefaultChannel = "product_changes";

    public static readonly PostgresSchema Public = new(Default);

    // As many as this service has statements.
    private readonly ConcurrentDictionary<string, string> rewritten = new();

    private PostgresSchema(string name) => Name = name;

    public string Name { get; }

    /// <summary>Notifications belong to the database, so the channel of another schema has another name.</summary>
    public string Channel => Name == Default ? DefaultChannel : $"{Name}.{DefaultChannel}";

    public static PostgresSchema Of(string name) => name == Default ? Public : new PostgresSchema(name);

    public static bool IsValid(string name) => name.Length <= MaxLength && NamePattern().IsMatch(name) && !name.StartsWith("pg_", StringComparison.Ordinal);

    /// <summary>Returns a statement for this schema.</summary>
    public string In(string sql) => Name == Default ? sql : rewritten.GetOrAdd(sql, Rewrite);

    private string Rewrite(string sql) => QualifierPattern()
        .Replace(sql, $"\"{Name}\".")
        .Replace($"pg_notify('{DefaultChannel}'", $"pg_notify('{Channel}'", StringComparison.Ordinal);

    [GeneratedRegex("^[a-z_][a-z0-9_]*$")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\bpublic\.")]
    private static partial Regex QualifierPattern();
}
