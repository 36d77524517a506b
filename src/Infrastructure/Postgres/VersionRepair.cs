using Npgsql;
using NpgsqlTypes;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>
/// Draws missing versions: for rows that were written while the triggers were disabled (COPY after DISABLE TRIGGER), or whose content
/// changed without them. Enabled triggers record these rows as changed.
/// </summary>
/// <param name="schema">Null: public.</param>
internal sealed class VersionRepair(NpgsqlDataSource dataSource, PostgresSchema? schema = null)
{
    private const string Draw = "UPDATE public.products SET version = nextval('public.product_version_seq') WHERE id = ANY($1)";

    /// <summary>The maximum number of rows of one statement.</summary>
    public const int MaxRows = 5_000;

    private static readonly string DrawMissing =
        $"""
        UPDATE public.products SET version = nextval('public.product_version_seq')
        WHERE id IN (SELECT id FROM public.products WHERE version NOT BETWEEN 1 AND {ProductVersion.Max} LIMIT {MaxRows} FOR UPDATE SKIP LOCKED)
        """;

    private readonly PostgresSchema schema = schema ?? PostgresSchema.Public;

    public static bool IsVersion(long version) => version is > 0 and <= ProductVersion.Max;

    public async Task DrawAsync(IReadOnlyCollection<long> ids, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(schema.In(Draw));
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ids], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Scans the whole table. Returns the number of rows that had no version.</summary>
    public async Task<int> DrawMissingAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        var total = 0;
        while (true)
        {
            await using var command = dataSource.CreateCommand(schema.In(DrawMissing));
            command.CommandTimeout = (int)timeout.TotalSeconds;
            var drawn = await command.ExecuteNonQueryAsync(cancellationToken);
            total += drawn;
            if (drawn < MaxRows)
            {
                return total;
            }
        }
    }
}
