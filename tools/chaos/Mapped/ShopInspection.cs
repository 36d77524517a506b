using Npgsql;

namespace ProductCache.Chaos.Mapped;

/// <summary>Reads the final state of every product, from the tables, Redis, the near caches and Kafka, and the versions of the whole run.</summary>
internal sealed class ShopInspection(TestBed testBed, NpgsqlDataSource postgres, Catalogue catalogue, ShopReaders readers, EventLog events, RunClock clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>The triggers on the tables of the shop and on those of the service, as they are enabled.</summary>
    public async Task<IReadOnlyList<string>> ReadTriggersAsync(CancellationToken cancellationToken)
    {
        List<string> triggers = [];
        await using var command = postgres.CreateCommand(
            """
            SELECT format('%s on %s: %s', t.tgname, t.tgrelid::regclass, t.tgenabled) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
            WHERE c.relnamespace IN (to_regnamespace('shop'), to_regnamespace('product_cache')) AND NOT t.tgisinternal ORDER BY 1
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            triggers.Add(reader.GetString(0));
        }

        return triggers;
    }

    /// <param name="triggers">As they were before the run.</param>
    public async Task<ShopState> LookAsync(IReadOnlyList<string> triggers, CancellationToken cancellationToken)
    {
        var at = clock.Now;
        var stored = await ReadStoredAsync(cancellationToken);
        List<ShopEntry> cached = [];
        await foreach (var (id, entry) in new CachedEntries(testBed).ReadAsync(cancellationToken))
        {
            // Rows of an import are none of the run.
            if (stored.ContainsKey(id))
            {
                cached.Add(new ShopEntry(id, entry.Version, entry.IsAbsent ? null : Documents.Read(entry.Body), "Redis"));
            }
        }

        foreach (var read in await readers.ReadAllAsync(cancellationToken))
        {
            if (read.Answer.IsFound || read.Answer.Status == 404)
            {
                // An absence has no entity tag.
                var version = read.Answer.IsFound ? read.Answer.Version : stored[read.Answer.Id].Version;
                cached.Add(new ShopEntry(read.Answer.Id, version, read.Document, $"api-{read.Answer.Api} (from {read.Answer.Source.ToString().ToLowerInvariant()})"));
            }
        }

        var leftovers = await ReadLeftoversAsync(triggers, cancellationToken);
        var (published, forgotten) = await events.EndAsync(cancellationToken);
        return new ShopState(at, stored, cached, published, forgotten, await new DeadLetters(testBed.Kafka.Bootstrap, clock).ReadAsync(cancellationToken), leftovers);
    }

    public async Task<IReadOnlyList<DrawnVersion>> ReadVersionsAsync(CancellationToken cancellationToken)
    {
        List<DrawnVersion> versions = [];
        await using var command = postgres.CreateCommand("SELECT id, version, tx::text::numeric::bigint, at FROM chaos.versions");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            versions.Add(new DrawnVersion(testBed.Tables.NumberOf(reader.GetString(0)), reader.GetInt64(1), (ulong)reader.GetInt64(2), clock.Of(reader.GetDateTime(3))));
        }

        return versions;
    }

    // By the mapping as it should be, in one statement.
    private async Task<Dictionary<long, ShopEntry>> ReadStoredAsync(CancellationToken cancellationToken)
    {
        Dictionary<long, ShopEntry> stored = [];
        foreach (var ids in catalogue.Ids.Chunk(1_000))
        {
            await using var command = postgres.CreateCommand(
                $"""
                SELECT k.key, coalesce(v.version, 0), m.body::text FROM unnest($1) AS k(key) LEFT JOIN ({ShopTables.Select.Replace("@ids", "$1", StringComparison.Ordinal)}) AS m ON m.id = k.key
                LEFT JOIN product_cache.product_versions AS v ON v.id = k.key
                """);
            command.Parameters.AddWithValue(ids.Select(ShopTables.SkuOf).ToArray());
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                var id = testBed.Tables.NumberOf(reader.GetString(0));
                stored[id] = new ShopEntry(
                    id, reader.GetInt64(1), reader.IsDBNull(2) ? null : Documents.Read(System.Text.Encoding.UTF8.GetBytes(reader.GetString(2))), "PostgreSQL");
            }
        }

        return stored;
    }

    private async Task<List<string>> ReadLeftoversAsync(IReadOnlyList<string> triggers, CancellationToken cancellationToken)
    {
        List<string> leftovers = [];
        foreach (var (table, rows) in (IEnumerable<(string, string)>)[(testBed.Tables.Outbox, "changes"), ("product_cache.product_expansions", "expansions"),
            ("product_cache.product_touches", "touches of transactions that have ended"), ("product_cache.product_changes_parked", "parked changes")])
        {
            if (await new Outbox(postgres, table, clock).DrainAsync(cancellationToken) is > 0 and var count)
            {
                leftovers.Add($"{table} has {count} {rows}.");
            }
        }

        // The audit repairs triggers within some seconds.
        var deadline = clock.Now + Patience;
        var now = await ReadTriggersAsync(cancellationToken);
        while (!now.SequenceEqual(triggers) && clock.Now < deadline)
        {
            await Task.Delay(Interval, cancellationToken);
            now = await ReadTriggersAsync(cancellationToken);
        }

        leftovers.AddRange(triggers.Except(now).Select(trigger => $"The trigger {trigger} is not as it was."));
        return leftovers;
    }
}
