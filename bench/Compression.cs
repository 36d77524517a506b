using System.Globalization;
using StackExchange.Redis;
using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>What compressed entries cost and save: bodies of three sizes, for readers who accept gzip and for those who do not, in turns.</summary>
internal static class Compression
{
    private const int Products = 200;
    private const int WarmUps = 1;
    private const int Rounds = 5;

    // Of bodies, in bytes. A product without attributes has about 200.
    private static readonly (string Name, int Words)[] Sizes = [("0.2 KiB", 0), ("2 KiB", 270), ("20 KiB", 2_950)];

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        var plainApi = await servers.StartBesideAsync(KeyValuePair.Create("CACHE_COMPRESSION", "off"));
        await using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis);
        using var client = new HttpClient();
        List<IReadOnlyList<string>> rows = [];
        foreach (var (name, words) in Sizes)
        {
            var first = await InsertAsync(servers, words);
            var body = await HitLoad.GetAsync(client, servers.ApiPort, first, CancellationToken.None);
            foreach (var port in new[] { servers.ApiPort, plainApi })
            {
                await Parallel.ForEachAsync(
                    Enumerable.Range(0, Products), async (offset, cancellationToken) => await HitLoad.GetAsync(client, port, first + offset, cancellationToken));
            }

            (string Name, int Port, string Accepts, string Prefix)[] contenders =
            [
                ("stored as they are", plainApi, "gzip", $"{BenchServers.MappedNamespace}:"),
                ("compressed", servers.ApiPort, "gzip", string.Empty),
                ("compressed, inflated for a reader without gzip", servers.ApiPort, "identity", string.Empty),
            ];
            var results = await HitLoad.InTurnsAsync([.. contenders.Select(contender => (contender.Port, contender.Accepts))], first, Products, WarmUps, Rounds);
            for (var i = 0; i < contenders.Length; i++)
            {
                var rates = results[i].ConvertAll(load => load.Rate);
                rows.Add(
                [
                    $"{name} ({body.Length.ToString("N0", CultureInfo.InvariantCulture)} characters)",
                    contenders[i].Name,
                    Figures.Number(await MemoryOfAsync(redis, contenders[i].Prefix, first)),
                    Figures.Number(Median(rates)),
                    Figures.Ratio(Ratio(rates, results[0].ConvertAll(load => load.Rate))),
                    Figures.Number(Median(results[i].ConvertAll(load => load.Megabytes))),
                ]);
            }
        }

        return new Section(
            "Compression",
            $"{Products} products of each size in the near cache, read by wrk over {HitLoad.Connections} connections; {Rounds} rounds in turns, {HitLoad.Seconds} s each. Bodies are random English words.",
            [new ReportTable(["body", "entries", "bytes in Redis, each", "requests/s, median", "ratio to as they are", "MiB/s"], rows)]);
    }

    private static async Task<long> InsertAsync(BenchServers servers, int words)
    {
        await using var command = servers.DataSource.CreateCommand(
            """
            WITH words AS (SELECT array['steel','chair','with','arms','and','a','cushion','of','wool','that','keeps','its','form','for','years','oak','table','round','legs','painted',
              'white','black','green','lamp','light','warm','kitchen','garden','delivery','within','days','assembled','by','hand','from','wood','forest','certified','care','water'] AS list),
            inserted AS (
              INSERT INTO products (name, price, description, attributes)
              SELECT 'Product ' || n, 9.99, repeat('x', 100),
                     CASE WHEN $2 = 0 THEN NULL ELSE jsonb_build_object('text', (SELECT string_agg(list[1 + floor(random() * 40)::int], ' ') FROM words, generate_series(1, $2) AS w WHERE n > 0)) END
              FROM generate_series(1, $1) AS n ORDER BY n RETURNING id)
            SELECT min(id) FROM inserted
            """);
        command.Parameters.AddWithValue(Products);
        command.Parameters.AddWithValue(words);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static async Task<double> MemoryOfAsync(ConnectionMultiplexer redis, string prefix, long first)
    {
        List<double> sizes = [];
        for (var id = first; id < first + Products; id++)
        {
            sizes.Add((double)await redis.GetDatabase().ExecuteAsync("MEMORY", "USAGE", $"{prefix}product:{{{id}}}"));
        }

        return sizes.Average();
    }
}
