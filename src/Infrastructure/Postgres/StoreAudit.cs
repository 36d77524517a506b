using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Audits and repairs the triggers and the sequence that the change path relies on.</summary>
/// <param name="schema">Null: public.</param>
internal sealed class StoreAudit(
    NpgsqlDataSource dataSource, IDbContextFactory<ProductsDbContext> contexts, VersionRepair versions, PostgresSchema? schema = null) : IStoreAudit
{
    /// <summary>The timeout of a repair and of a scan of all rows.</summary>
    public static readonly TimeSpan RepairTimeout = TimeSpan.FromSeconds(60);

    /// <summary>How long a repair of the triggers waits for its lock, while all writers wait behind it.</summary>
    public static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(2);

    // The result of Triggers.sql as in pg_trigger: O fires in normal sessions, R in replicating sessions, A in both.
    private static readonly Dictionary<string, (char Enabled, string Function)> Triggers = new()
    {
        ["products_draw_version"] = ('A', "products_draw_version"),
        ["products_draw_version_anew"] = ('A', "products_draw_version"),
        ["products_redraw_version"] = ('A', "products_redraw_version"),
        ["products_record_insert"] = ('O', "products_record_changes"),
        ["products_record_update"] = ('O', "products_record_update"),
        ["products_record_delete"] = ('O', "products_record_changes"),
        ["products_record_old_id"] = ('A', "products_record_old_id"),
        ["products_record_replicated_row"] = ('R', "products_record_replicated_row"),
        ["products_record_truncate"] = ('A', "products_record_truncate"),
        ["product_changes_notify"] = ('A', "product_changes_notify"),
    };

    // The pg_control functions reveal a failover and another server; the object identifiers reveal a table that was dropped and restored.
    private const string Inspect =
        """
        SELECT concat_ws('/',
                 (SELECT system_identifier FROM pg_control_system()), (SELECT timeline_id FROM pg_control_checkpoint()),
                 (SELECT oid FROM pg_database WHERE datname = current_database()),
                 'public.products'::regclass::oid, 'public.product_version_seq'::regclass::oid),
               CASE WHEN versions.is_called THEN versions.last_value ELSE versions.last_value - 1 END,
               settings.seqcache, settings.seqincrement, settings.seqcycle,
               ARRAY(SELECT concat_ws(' ', tgname, tgenabled, proname) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
                     WHERE tgrelid IN ('public.products'::regclass, 'public.product_changes'::regclass) AND NOT tgisinternal),
               (SELECT max(migration_id) FROM public."__EFMigrationsHistory")
        FROM public.product_version_seq AS versions, pg_sequence AS settings
        WHERE settings.seqrelid = 'public.product_version_seq'::regclass
        """;

    private static readonly string Repair =
        $"""
        SET LOCAL lock_timeout = {(int)LockTimeout.TotalMilliseconds};
        ALTER SEQUENCE public.product_version_seq INCREMENT 1 CACHE 1 NO CYCLE;
        {TriggerScript.Text}
        """;

    private const string MoveVersions =
        "SELECT CASE WHEN last_value < $1 THEN setval('public.product_version_seq', $1) ELSE last_value END FROM public.product_version_seq";

    private readonly PostgresSchema schema = schema ?? PostgresSchema.Public;
    private string? newestMigration;

    public Task<StoreState> InspectAsync(CancellationToken cancellationToken) => PostgresErrors.TranslateAsync(
        async () =>
        {
            await using var command = dataSource.CreateCommand(schema.In(Inspect));
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            List<string> faults = [];
            if (reader.GetInt64(2) != 1 || reader.GetInt64(3) != 1 || reader.GetBoolean(4))
            {
                faults.Add(string.Create(
                    CultureInfo.InvariantCulture,
                    $"The sequence product_version_seq has CACHE {reader.GetInt64(2)}, INCREMENT {reader.GetInt64(3)} and CYCLE {reader.GetBoolean(4)}: versions would not be drawn in order."));
            }

            // This version cannot judge the triggers of a newer version of the service.
            if (string.CompareOrdinal(reader.GetString(6), await NewestMigrationAsync(cancellationToken)) <= 0)
            {
                faults.AddRange(FaultsOf(reader.GetFieldValue<string[]>(5)));
            }

            return new StoreState(reader.GetString(0), reader.GetInt64(1), faults);
        },
        cancellationToken);

    public Task RepairAsync(CancellationToken cancellationToken) => AllowedAsync(
        async () =>
        {
            await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(schema.In(Repair), connection, transaction) { CommandTimeout = (int)RepairTimeout.TotalSeconds };
            var repaired = await command.ExecuteNonQueryAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return repaired;
        },
        cancellationToken);

    public Task<int> DrawMissingVersionsAsync(CancellationToken cancellationToken) =>
        AllowedAsync(() => versions.DrawMissingAsync(RepairTimeout, cancellationToken), cancellationToken);

    public async Task<long> MoveVersionsAsync(long version, CancellationToken cancellationToken)
    {
        if (version > ProductVersion.Max)
        {
            throw new StoreNotRepairedException(string.Create(
                CultureInfo.InvariantCulture, $"A version near {version} has been seen, beyond the largest version ({ProductVersion.Max}): the sequence cannot be moved past it."));
        }

        return await AllowedAsync(
            async () =>
            {
                await using var command = dataSource.CreateCommand(schema.In(MoveVersions));
                command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = version });
                return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
            },
            cancellationToken);
    }

    public Task RedrawAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) => AllowedAsync(
        async () =>
        {
            await versions.DrawAsync([.. ids.Select(id => id.Value)], cancellationToken);
            return ids.Count;
        },
        cancellationToken);

    private static IEnumerable<string> FaultsOf(string[] found)
    {
        var actual = found.Select(trigger => trigger.Split(' ')).ToDictionary(parts => parts[0], parts => (Enabled: parts[1][0], Function: parts[2]));
        foreach (var (name, expected) in Triggers)
        {
            if (!actual.TryGetValue(name, out var trigger) || trigger.Function != expected.Function)
            {
                yield return $"The trigger {name} is missing.";
            }
            else if (trigger.Enabled != expected.Enabled)
            {
                yield return trigger.Enabled == 'D' ? $"The trigger {name} is disabled." : $"The trigger {name} is enabled as {trigger.Enabled} instead of {expected.Enabled}.";
            }
        }
    }

    private static async Task<T> AllowedAsync<T>(Func<Task<T>> repairAsync, CancellationToken cancellationToken)
    {
        try
        {
            return await PostgresErrors.TranslateAsync(repairAsync, cancellationToken);
        }
        catch (UnavailableException exception) when (exception.InnerException is PostgresException
        { SqlState: PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.LockNotAvailable } refused)
        {
            throw new StoreNotRepairedException(PostgresText.Of(refused));
        }
        catch (PostgresException refused)
        {
            throw new StoreNotRepairedException(PostgresText.Of(refused));
        }
    }

    private async Task<string> NewestMigrationAsync(CancellationToken cancellationToken)
    {
        if (newestMigration is null)
        {
            await using var context = await contexts.CreateDbContextAsync(cancellationToken);
            newestMigration = context.Database.GetMigrations().Last();
        }

        return newestMigration;
    }
}
