using System.Globalization;
using Npgsql;

namespace ProductCache.Chaos;

/// <summary>Reads the final state of every product, from PostgreSQL, Redis, the near caches and Kafka.</summary>
internal sealed class Inspection(TestBed testBed, NpgsqlDataSource postgres, Readers readers, EventLog events, RunClock clock)
{
    public async Task<FinalState> LookAsync(CancellationToken cancellationToken)
    {
        var at = clock.Now;
        var rows = await ReadRowsAsync(cancellationToken);
        List<CacheEntry> entries = [];
        await foreach (var (id, entry) in new CachedEntries(testBed).ReadAsync(cancellationToken))
        {
            entries.Add(new CacheEntry(id, entry.Version));
        }

        var answers = await readers.ReadAllAsync(cancellationToken);
        var outbox = await new Outbox(postgres, testBed.Tables.Outbox, clock).DrainAsync(cancellationToken);
        var (read, forgotten) = await events.EndAsync(cancellationToken);
        var deadLetters = await new DeadLetters(testBed.Kafka.Bootstrap, clock).ReadAsync(cancellationToken);
        return new FinalState(at, rows, entries, answers, read, deadLetters, outbox, forgotten);
    }

    private async Task<Dictionary<long, Row>> ReadRowsAsync(CancellationToken cancellationToken)
    {
        Dictionary<long, Row> rows = [];
        await using var command = postgres.CreateCommand("SELECT id, version, name FROM products");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows[reader.GetInt64(0)] = new Row(reader.GetInt64(1), long.Parse(reader.GetString(2)[1..], CultureInfo.InvariantCulture));
        }

        return rows;
    }
}
