using Npgsql;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Security;

/// <summary>What the tests of the rights in PostgreSQL share.</summary>
internal static class PostgresRoles
{
    /// <summary>The statement runs, or PostgreSQL denies it. The transaction is rolled back.</summary>
    public static async Task IsAllowedAsync(bool isAllowed, string sql, NpgsqlConnection connection, NpgsqlTransaction transaction)
    {
        await using var command = new NpgsqlCommand(sql, connection, transaction);
        if (isAllowed)
        {
            Assert.That(() => command.ExecuteNonQueryAsync(), Throws.Nothing);
        }
        else
        {
            Assert.That(() => command.ExecuteNonQueryAsync(), Throws.TypeOf<PostgresException>().With.Property("SqlState").EqualTo(PostgresErrorCodes.InsufficientPrivilege));
        }

        await transaction.RollbackAsync();
    }

    /// <summary>Runs a script of deploy/rights with psql.</summary>
    /// <param name="variables">Of the script.</param>
    public static Task<CommandResult> RunScriptAsync(string script, string connectionString, params (string Name, string Value)[] variables)
    {
        var to = new NpgsqlConnectionStringBuilder(connectionString);
        return Command.RunAsync(
            ["psql", "-X", "-q", .. variables.SelectMany(variable => (string[])["-v", $"{variable.Name}={variable.Value}"]), "-f", Path.Combine(Repository.Root, "deploy", "rights", script)],
            Eventually.Patience,
            Repository.Root,
            environment =>
            {
                environment["PGHOST"] = to.Host!;
                environment["PGPORT"] = $"{to.Port}";
                environment["PGDATABASE"] = to.Database!;
                environment["PGUSER"] = to.Username!;
                environment["PGPASSWORD"] = to.Password!;
            });
    }
}
