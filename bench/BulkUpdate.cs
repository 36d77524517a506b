using System.Diagnostics;
using System.Globalization;
using ProductCache.Application;
using ProductCache.Domain;
using StackExchange.Redis;
using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>
/// One UPDATE of a million rows of which ten thousand are cached: what the triggers cost beside a table without them, how
/// soon all is right, and what a single change waits meanwhile.
/// </summary>
internal static class BulkUpdate
{
    private const int Rows = 1_000_000;
    private const int Cached = 10_000;
    private const int Rounds = 3;
    private const int ReadersAtOnce = 64;
    private static readonly TimeSpan SingleInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        await using var redis = await ConnectionMultiplexer.ConnectAsync($"{servers.Redis},allowAdmin=true");
        var first = await servers.InsertAsync(Rows);
        await ExecuteAsync(servers, "CREATE TABLE bare (LIKE products INCLUDING ALL)");
        await ExecuteAsync(servers, "INSERT INTO bare SELECT * FROM products");
        List<double> bare = [], triggered = [];
        for (var round = 0; round < Rounds; round++)
        {
            // Only the statements are compared here: nobody publishes meanwhile.
            await ExecuteAsync(servers, "TRUNCATE product_changes");
            bare.Add(await UpdateAsync(servers, "bare"));
            triggered.Add(await UpdateAsync(servers, "products"));
        }

        await ExecuteAsync(servers, "TRUNCATE product_changes");

        var singles = await servers.InsertAsync(1);
        await FillAsync(servers, [.. Enumerable.Range(0, Cached).Select(i => first + (i * (Rows / Cached))), singles]);
        var before = Memory(redis);
        await UpdateAsync(servers, "products", $"WHERE id < {singles}");
        var committed = Stopwatch.GetTimestamp();
        using var done = new CancellationTokenSource();
        var single = ChangeSinglyAsync(servers, redis, singles, done.Token);
        var highest = before;
        var empty = await Changes.UntilAsync(
            async () =>
            {
                await Task.Delay(50);
                highest = Math.Max(highest, Memory(redis));
                return await DepthAsync(servers) == 0;
            },
            committed,
            Timeout);
        await done.CancelAsync();
        var right = await Changes.UntilAsync(() => AllRightAsync(servers, redis, first, singles), committed, Timeout);
        var meanwhile = await single;
        return new Section(
            "Bulk update",
            $"One UPDATE of {Rows:N0} rows, by {servers.KafkaName}. The first table compares the statement alone, {Rounds} rounds in turns. " +
            $"The second one begins at the answer to COMMIT, with {Cached:N0} of the rows cached. " +
            "The third one is a single change meanwhile, until it is in Redis.",
            [
                new ReportTable(
                    ["the statement", "seconds, median", "min", "max", "ratio"],
                    [Statement("without triggers", bare), Statement("with triggers and outbox", triggered)],
                    new BarChart(
                        "bulk",
                        $"Bulk update: one UPDATE of {Rows:N0} rows",
                        "seconds",
                        $"Median of {Rounds} rounds; whiskers: the fastest and the slowest",
                        [
                            new Bar("without triggers", Median(bare), bare.Min(), bare.Max()),
                            new Bar("with triggers and outbox", Median(triggered), triggered.Min(), triggered.Max(), Own: true),
                        ])),
                new ReportTable(
                    ["after COMMIT", "seconds", "rows/s"],
                    [After("outbox empty", empty), After("all cached rows right", right)],
                    new BarChart("bulk-after", "Bulk update: after COMMIT", "seconds", "One run",
                    [
                        new Bar("outbox empty", empty / 1000, empty / 1000, empty / 1000, Own: true),
                        new Bar("all cached rows right", right / 1000, right / 1000, right / 1000, Own: true),
                    ])),
                new ReportTable(["a single change meanwhile", "p50, ms", "p99, ms"], [Changes.Row($"{meanwhile.Count} changes", meanwhile)]),
            ],
            $"Redis memory before, highest, after: {before / 1024:N0}, {highest / 1024:N0}, {Memory(redis) / 1024:N0} KiB.");

        IReadOnlyList<string> Statement(string name, List<double> seconds) =>
        [
            name, Figures.Number(Median(seconds)), Figures.Number(seconds.Min()), Figures.Number(seconds.Max()), Figures.Ratio(Ratio(seconds, bare)),
        ];

        static IReadOnlyList<string> After(string name, double milliseconds) =>
            [name, Figures.Number(milliseconds / 1000), Figures.Number(Rows / (milliseconds / 1000))];
    }

    private static async Task<List<double>> ChangeSinglyAsync(BenchServers servers, ConnectionMultiplexer redis, long id, CancellationToken done)
    {
        List<double> times = [];
        while (!done.IsCancellationRequested)
        {
            var (version, committed) = await Changes.ChangeAsync(servers, id);
            times.Add(await Changes.UntilAsync(
                async () => (long?)await redis.GetDatabase().HashGetAsync(CacheKeys.Entry(new ProductId(id)), "rank") >= 2 * version,
                committed,
                Timeout));
            await Task.Delay(SingleInterval, CancellationToken.None);
        }

        return times;
    }

    private static async Task FillAsync(BenchServers servers, IEnumerable<long> ids)
    {
        using var api = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{servers.ApiPort}") };
        await Parallel.ForEachAsync(ids, new ParallelOptions { MaxDegreeOfParallelism = ReadersAtOnce }, async (id, cancellationToken) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/productapp/{id}/") { Headers = { { "Prefer", "wait=10" } } };
            using var answer = await api.SendAsync(request, cancellationToken);
            answer.EnsureSuccessStatusCode();
        });
    }

    private static async Task<bool> AllRightAsync(BenchServers servers, ConnectionMultiplexer redis, long first, long end)
    {
        Dictionary<long, long> versions = [];
        await using (var command = servers.DataSource.CreateCommand(
            "SELECT id, version FROM products WHERE id >= $1 AND id < $2 AND (id - $1) % $3 = 0"))
        {
            command.Parameters.AddWithValue(first);
            command.Parameters.AddWithValue(end);
            command.Parameters.AddWithValue((long)(Rows / Cached));
            await using var reader = await command.ExecuteReaderAsync();
            while (await reader.ReadAsync())
            {
                versions.Add(reader.GetInt64(0), reader.GetInt64(1));
            }
        }

        var ranks = await Task.WhenAll(versions.Select(async row =>
            (long?)await redis.GetDatabase().HashGetAsync(CacheKeys.Entry(new ProductId(row.Key)), "rank") is not { } rank || rank == 2 * row.Value));
        return ranks.All(right => right);
    }

    private static async Task<double> UpdateAsync(BenchServers servers, string table, string where = "")
    {
        // Every round finds the table as small as the first one did.
        await ExecuteAsync(servers, $"VACUUM FULL {table}");
        await servers.CheckpointAsync(Timeout);
        var started = Stopwatch.GetTimestamp();
        await ExecuteAsync(servers, $"UPDATE {table} SET price = price + 0.01 {where}");
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task<long> DepthAsync(BenchServers servers)
    {
        await using var command = servers.DataSource.CreateCommand("SELECT count(*) FROM product_changes WHERE bulk");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static async Task ExecuteAsync(BenchServers servers, string sql)
    {
        await using var command = servers.DataSource.CreateCommand(sql);
        command.CommandTimeout = (int)Timeout.TotalSeconds;
        await command.ExecuteNonQueryAsync();
    }

    private static long Memory(ConnectionMultiplexer redis) => long.Parse(
        redis.GetServers()[0].Info("memory").SelectMany(group => group).First(pair => pair.Key == "used_memory").Value, CultureInfo.InvariantCulture);
}
