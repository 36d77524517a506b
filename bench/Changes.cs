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
    private const int Rounds = 2;
    private const int WarmUp = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly (string Name, string Setting)[] Ways = [("directly", "on"), ("through Kafka alone", "off")];

    private static readonly string[] Places = ["Redis", "one Api with a near cache", "another Api with a near cache"];

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        var first = await servers.InsertAsync(Count);
        using var one = Client(servers.ApiPort);
        using var other = Client(await servers.StartApiAsync());
        await using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis);
        var seen = Ways.SelectMany(_ => Places, (way, place) => (Way: way.Name, Place: place)).ToDictionary(key => key, _ => new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var (way, setting) in Ways)
            {
                await servers.ReplaceWorkerAsync(KeyValuePair.Create("DIRECT_REFRESH", setting));
                for (var i = -WarmUp; i < Count / Rounds; i++)
                {
                    var id = new ProductId(first + (round * (Count / Rounds)) + Math.Max(i, 0));
                    await NearAsync(one, id);
                    await NearAsync(other, id);
                    var (version, committed) = await ChangeAsync(servers, id.Value);
                    var times = await Task.WhenAll(
                        UntilAsync(async () => (long?)await redis.GetDatabase().HashGetAsync(CacheKeys.Entry(id), "rank") >= 2 * version, committed),
                        UntilAsync(async () => await VersionAsync(one, id) >= version, committed),
                        UntilAsync(async () => await VersionAsync(other, id) >= version, committed));
                    foreach (var (place, time) in i < 0 ? [] : Places.Zip(times))
                    {
                        seen[(way, place)].Add(time);
                    }
                }
            }
        }

        return new Section(
            "Changes",
            $"{Count} UPDATEs of one cached row each for both ways, one after the other and in {Rounds} rounds in turns, by {servers.KafkaName}; " +
            "milliseconds from the answer to COMMIT on. Directly: from the outbox, beside Kafka (`DIRECT_REFRESH`).",
            [
                new ReportTable(
                    ["new version seen in", "p50, ms", "p99, ms"],
                    [.. seen.Select(place => Row(NameOf(place.Key), place.Value))],
                    new BarChart("changes", "Changes: from COMMIT to the new version", "ms", $"p50 of {Count}; whiskers: up to p99",
                    [
                        .. seen.Select(place => Bar.OfLatency(
                            NameOf(place.Key), Percentile(place.Value, 50), Percentile(place.Value, 99), own: place.Key.Way == Ways[0].Name)),
                    ])),
            ]);

        static string NameOf((string Way, string Place) key) => $"{key.Place}, {key.Way}";
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
