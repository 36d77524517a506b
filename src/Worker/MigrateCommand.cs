using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.Worker;

/// <summary>
/// <c>migrate</c>: brings the schema up to date and ends. <c>migrate --sql</c> prints the statements that it would run. Exit code 0: the schema
/// is up to date; 1: it could not be migrated, and nothing was changed; 2: the settings or the arguments are wrong.
/// </summary>
public static class MigrateCommand
{
    public const string Name = "migrate";

    private const string PrintSql = "--sql";
    private const int Failed = 1;

    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter errors, CancellationToken cancellationToken)
    {
        var printsSql = args.Contains(PrintSql);
        string[] others = [.. args.Where(argument => argument != PrintSql)];
        if (others.FirstOrDefault(argument => !(argument.StartsWith("--", StringComparison.Ordinal) && argument.Contains('=', StringComparison.Ordinal))) is { } unknown)
        {
            await errors.WriteLineAsync($"There is no argument {unknown}: use migrate, or migrate --sql.");
            return ServiceProcess.WrongSettings;
        }

        try
        {
            var settings = ServiceHost.ReadSettings(others);
            var options = PostgresOptions.Read(settings);
            settings.ThrowIfWrong();
            await output.WriteLineAsync(printsSql
                ? await SchemaMigrations.ScriptAsync(options, cancellationToken)
                : await SchemaMigrations.MigrateAsync(options, cancellationToken));
            return ServiceProcess.Succeeded;
        }
        catch (SettingsException wrong)
        {
            await errors.WriteLineAsync(wrong.Message);
            return ServiceProcess.WrongSettings;
        }
        catch (MigrationException failed)
        {
            await errors.WriteLineAsync(failed.Message);
            return Failed;
        }
    }
}
