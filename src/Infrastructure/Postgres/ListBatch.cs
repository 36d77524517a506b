using System.Globalization;
using Npgsql;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>A statement that reads a part of a list.</summary>
internal static class ListBatch
{
    // Local to the transaction of the batch, so that it works behind a pooler too. PostgreSQL ends the statement even if no cancellation
    // reaches it.
    private const string Settings = "SELECT set_config('statement_timeout', $1, true), set_config('transaction_read_only', 'on', true)";

    /// <summary>Runs the statement read-only, for at most <see cref="PostgresOptions.ListTimeout"/>. The reader stands before its rows; dispose it, then the batch.</summary>
    public static async Task<NpgsqlDataReader> ExecuteAsync(NpgsqlBatch batch, NpgsqlBatchCommand command, CancellationToken cancellationToken)
    {
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Settings)
        {
            Parameters = { new NpgsqlParameter<string> { TypedValue = PostgresOptions.ListTimeout.TotalMilliseconds.ToString(CultureInfo.InvariantCulture) } },
        });
        batch.BatchCommands.Add(command);
        var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        return reader;
    }
}
