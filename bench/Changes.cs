using System.Diagnostics;
using System.Globalization;
using ProductCache.Application;
using ProductCache.Domain;
using StackExchange.Redis;
using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>From the answer to COMMIT to the new version in Redis and in the near caches of two Api processes.</summary>
internal static class Changes
{
    private const int Count = 500;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        var first = await servers.InsertAsync(Count);
        using var one = Client(servers.ApiPort);
        using var other = Client(await servers.StartApiAsync());
        await using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis);
        List<double> inRedis = [], inOne = [], inOther = [];
        for (var i = -20; i < Count; i++)
        {
            var id = new ProductId(first + (i < 0 ? 0 : i));
            await NearAsync(one, id);
            await NearAsync(other, id);
            var (version, committed) = await ChangeAsync(servers, id.Value);
            var times = await Task.WhenAll(
                UntilAsync(async () => (long?)await redis.GetDatabase().HashGetAsync(CacheKeys.Entry(id), "rank") >= 2 * version, committed),
                UntilAsync(async () => await VersionAsync(one, id) >= version, committed),
                UntilAsync(async () => await VersionAsync(other, id) >= version, committed));

            // The first ones warm up.
            if (i >= 0)
            {
                inRedis.Add(times[0]);
                inOne.Add(times[1]);
                inOther.Add(times[2]);
            }
        }

        (string Name, List<double> Times)[] seen =
            [("Redis", inRedis), ("one Api with a near cache", inOne), ("another Api with a near cache", inOther)];
        return new Section(
            "Changes",
            $"{Count} UPDATEs of one cached row each, one after the other, by {servers.KafkaName}; milliseconds from the answer to COMMIT on.",
            [
                new ReportTable(
                    ["new version seen in", "p50, ms", "p99, ms"],
                    [.. seen.Select(place => Row(place.Name, place.Times))],
                    new BarChart("changes", "Changes: from COMMIT to the new version", "ms", $"p50 of {Count}; whiskers: up to p99",
                    [
                        .. seen.Select(place => Bar.OfLatency(place.Name, Percentile(place.Times, 50), Percentile(place.Times, 99), own: true)),
                    ])),
            ]);
    }

    internal static async Task<double> UntilAsync(Func<Task<bool>> condition, long since, TimeSpan? patience = null)
    {
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(since) > (patience ?? Patience))
            {
                throw new TimeoutException("The change did not arrive.");
            }

            // What is waited for needs the processors too.
            await Task.Delay(1);
        }

        return Stopwatch.GetElapsedTime(since).TotalMilliseconds;
    }

    internal static async Task<(long Version, long Committed)> ChangeAsync(BenchServers servers, long id)
    {
        await using var command = servers.DataSource.CreateCommand("UPDATE products SET price = price + 0.01 WHERE id = $1 RETURNING version");
        command.Parameters.AddWithValue(id);
        var version = (long)(await command.ExecuteScalarAsync())!;
        return (version, Stopwatch.GetTimestamp());
    }

    internal static IReadOnlyList<string> Row(string name, List<double> milliseconds) =>
        [name, Figures.Number(Percentile(milliseconds, 50)), Figures.Number(Percentile(milliseconds, 99))];

    private static HttpClient Client(int port) => new() { BaseAddress = new Uri($"http://127.0.0.1:{port}") };

    private static async Task<long> VersionAsync(HttpClient api, ProductId id)
    {
        using var answer = await api.GetAsync($"/productapp/{id}/");
        return answer.Headers.ETag is { } tag ? long.Parse(tag.Tag.Trim('"'), CultureInfo.InvariantCulture) : 0;
    }

    private static Task NearAsync(HttpClient api, ProductId id) => UntilAsync(
        async () =>
        {
            using var answer = await api.GetAsync($"/productapp/{id}/");
            return answer.Headers.TryGetValues("Cache-Status", out var status) && status.Single().EndsWith("detail=near", StringComparison.Ordinal);
        },
        Stopwatch.GetTimestamp());
}
