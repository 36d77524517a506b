using Npgsql;
using NpgsqlTypes;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>
/// Gives rows the versions that they lack: rows written while the triggers were disabled (COPY after DISABLE TRIGGER), or with
/// a content that the triggers did not see. Where the triggers are there, they record the rows as changed.
/// </summary>
internal sealed class VersionRepair(NpgsqlDataSource dataSource)
{
    private const string Draw = "UPDATE public.products SET version = nextval('public.product_version_seq') WHERE id = ANY($1)";

    /// <summary>Rows of one statement, where there may be any number of them.</summary>
    public const int MaxRows = 5_000;

    private static readonly string DrawMissing =
        $"""
        UPDATE public.products SET version = nextval('public.product_version_seq')
        WHERE id IN (SELECT id FROM public.products WHERE version NOT BETWEEN 1 AND {ProductVersion.Max} LIMIT {MaxRows} FOR UPDATE SKIP LOCKED)
        """;

    public static bool IsVersion(long version) => version is > 0 and <= ProductVersion.Max;

    public async Task DrawAsync(IReadOnlyCollection<long> ids, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(Draw);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ids], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Looks through the whole table; says how many rows had no version.</summary>
    public async Task<int> DrawMissingAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        var total = 0;
        while (true)
        {
            await using var command = dataSource.CreateCommand(DrawMissing);
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
