using System.Diagnostics;
using StackExchange.Redis;
using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>A read of a hundred cached products, beside a hundred reads of one and beside Redis asked for the entries in one go.</summary>
internal static class Many
{
    private const int Products = 100;
    private const int WarmUps = 100;
    private const int Rounds = 500;

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        var first = await servers.InsertAsync(Products);
        var ids = Enumerable.Range(0, Products).Select(offset => first + offset).ToList();
        var plain = await servers.StartApiAsync(KeyValuePair.Create("NEAR_CACHE_MB", "0"));
        using var client = new HttpClient();
        await using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis);
        var database = redis.GetDatabase();
        foreach (var port in new[] { servers.ApiPort, plain })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, BatchOf(port, ids)) { Headers = { { "Prefer", "wait=10" } } };
            using var answer = await client.SendAsync(request);
            answer.EnsureSuccessStatusCode();
        }

        (string Name, Func<Task> RunAsync)[] contenders =
        [
            ("one HGETALL pipeline of 100, raw", () => Task.WhenAll(ids.Select(id => database.HashGetAllAsync($"product:{{{id}}}")))),
            ("ProductCache, one read of 100, near cache", () => GetAsync(client, BatchOf(servers.ApiPort, ids))),
            ("ProductCache, one read of 100, near cache off", () => GetAsync(client, BatchOf(plain, ids))),
            ("ProductCache, 100 reads of one, side by side", () => Task.WhenAll(ids.Select(id => GetAsync(client, OneOf(servers.ApiPort, id))))),
            ("ProductCache, 100 reads of one, one after the other", async () =>
            {
                foreach (var id in ids)
                {
                    await GetAsync(client, OneOf(servers.ApiPort, id));
                }
            }),
        ];
        var results = contenders.Select(_ => new List<double>()).ToArray();
        for (var round = -WarmUps; round < Rounds; round++)
        {
            for (var i = 0; i < contenders.Length; i++)
            {
                var began = Stopwatch.GetTimestamp();
                await contenders[i].RunAsync();
                if (round >= 0)
                {
                    results[i].Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
                }
            }
        }

        List<IReadOnlyList<string>> rows = [];
        List<Bar> bars = [];
        for (var i = 0; i < contenders.Length; i++)
        {
            var (p50, p99) = (Median(results[i]), Percentile(results[i], 99));
            rows.Add([contenders[i].Name, Figures.Number(p50), Figures.Number(p99), Figures.Ratio(Ratio(results[i], results[0]))]);
            bars.Add(Bar.OfLatency(contenders[i].Name, p50, p99, contenders[i].Name.StartsWith("ProductCache", StringComparison.Ordinal)));
        }

        return new Section(
            "Many",
            $"A read of {Products} cached products by one client, {Rounds} rounds in turns.",
            [
                new ReportTable(
                    ["", "p50, ms", "p99, ms", "ratio to the pipeline"],
                    rows,
                    new BarChart("many", $"Many: {Products} cached products", "ms", $"p50 of {Rounds} rounds; whiskers: up to p99", bars)),
            ]);
    }

    private static Uri BatchOf(int port, IEnumerable<long> ids) => new($"http://127.0.0.1:{port}/api/v1/products?ids={string.Join(',', ids)}");

    private static Uri OneOf(int port, long id) => new($"http://127.0.0.1:{port}/api/v1/products/{id}");

    private static async Task GetAsync(HttpClient client, Uri uri)
    {
        using var answer = await client.GetAsync(uri);
        answer.EnsureSuccessStatusCode();
        await answer.Content.ReadAsByteArrayAsync();
    }
}
