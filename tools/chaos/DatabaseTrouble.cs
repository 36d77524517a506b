using System.Globalization;
using Npgsql;

namespace ProductCache.Chaos;

/// <summary>A PostgreSQL that other software uses too: triggers of a shop, imports with disabled triggers.</summary>
internal sealed class DatabaseTrouble(TestBed testBed)
{
    /// <summary>The shop refuses one product in this many.</summary>
    private const int RefusedOneIn = 5;

    /// <summary>Rows of one import. They have ids that no writer of the run uses.</summary>
    private const int ImportedRows = 20;

    private const long FirstImported = 2_000_000_000;

    private static long lastImported = FirstImported;

    public async Task HappenAsync(PlannedFault plan, CancellationToken cancellationToken)
    {
        await using var postgres = testBed.OpenPostgres();
        if (plan.Kind == FaultKind.RowsWithoutVersion)
        {
            await ImportAsync(postgres, cancellationToken);
            return;
        }

        var refusal = plan.Kind == FaultKind.RaisingTrigger ? "RAISE EXCEPTION 'The shop is closed' USING ERRCODE = '22023'" : "RETURN NULL";
        await ExecuteAsync(
            postgres,
            $"""
            CREATE FUNCTION chaos.shop() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              IF (CASE TG_OP WHEN 'DELETE' THEN OLD.{testBed.Tables.NumberColumn} ELSE NEW.{testBed.Tables.NumberColumn} END) % {RefusedOneIn} = 0 THEN {refusal}; END IF;
              IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
              RETURN NEW;
            END
            $$;
            CREATE TRIGGER shop BEFORE INSERT OR UPDATE OR DELETE ON {testBed.Tables.Table} FOR EACH ROW EXECUTE FUNCTION chaos.shop();
            """,
            cancellationToken);
        try
        {
            await Task.Delay(plan.Hold, cancellationToken);
        }
        finally
        {
            await ExecuteAsync(postgres, $"DROP TRIGGER shop ON {testBed.Tables.Table}; DROP FUNCTION chaos.shop()", CancellationToken.None);
        }
    }

    private async Task ImportAsync(NpgsqlDataSource postgres, CancellationToken cancellationToken)
    {
        var last = Interlocked.Add(ref lastImported, ImportedRows);
        await ExecuteAsync(
            postgres,
            $"""
            BEGIN;
            ALTER TABLE {testBed.Tables.Table} DISABLE TRIGGER USER;
            {testBed.Tables.Import(last - ImportedRows, last - 1)};
            ALTER TABLE {testBed.Tables.Table} ENABLE TRIGGER USER;
            COMMIT;
            """,
            cancellationToken);

        // Readers meet them before the audit does, or after it.
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        foreach (var id in Enumerable.Range(0, ImportedRows).Select(n => last - 1 - n))
        {
            var uri = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{testBed.Apis.First().Port}/productapp/{testBed.Tables.IdOf(id)}/"));
            using var answer = await client.GetAsync(uri, cancellationToken);
        }
    }

    private static async Task ExecuteAsync(NpgsqlDataSource postgres, string sql, CancellationToken cancellationToken)
    {
        await using var command = postgres.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
