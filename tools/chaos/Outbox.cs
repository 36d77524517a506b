using Npgsql;

namespace ProductCache.Chaos;

/// <summary>The changes that wait for the relay.</summary>
internal sealed class Outbox(NpgsqlDataSource postgres, string table, RunClock clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits until it is empty, for some time.</summary>
    /// <returns>The rows that are left. Null: there is no such table.</returns>
    public async Task<long?> DrainAsync(CancellationToken cancellationToken)
    {
        await using var exists = postgres.CreateCommand($"SELECT to_regclass('{table}') IS NOT NULL");
        if (!(bool)(await exists.ExecuteScalarAsync(cancellationToken))!)
        {
            return null;
        }

        var deadline = clock.Now + Patience;
        while (true)
        {
            await using var count = postgres.CreateCommand($"SELECT count(*) FROM {table}");
            var rows = (long)(await count.ExecuteScalarAsync(cancellationToken))!;
            if (rows == 0 || clock.Now > deadline)
            {
                return rows;
            }

            await Task.Delay(Interval, cancellationToken);
        }
    }
}
