using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using StackExchange.Redis;
using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>Requests per second for one cached product, in turns with the peers, by wrk.</summary>
internal static partial class Hits
{
    private const int Rounds = 5;
    private const int Seconds = 4;
    private const int Connections = 64;

    public static async Task RunAsync(BenchServers servers)
    {
        var id = await servers.InsertAsync(1);
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{servers.ApiPort}/productapp/{id}/") { Headers = { { "Prefer", "wait=10" } } };
        using var answer = await client.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        await using (var redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis))
        {
            await redis.GetDatabase().StringSetAsync(Peers.Key, await answer.Content.ReadAsByteArrayAsync());
        }

        (string Name, int Port)[] contenders =
        [
            ("bare Kestrel, the body from memory", await servers.StartPeerAsync("kestrel")),
            ("Kestrel and one raw Redis GET", await servers.StartPeerAsync("redis")),
            ("ProductCache, a hit from the near cache", servers.ApiPort),
            ("ProductCache, near cache off: a hit from Redis", await servers.StartApiAsync(KeyValuePair.Create("NEAR_CACHE_MB", "0"))),
        ];
        var results = contenders.Select(_ => new List<double>()).ToArray();
        for (var round = -1; round < Rounds; round++)
        {
            for (var i = 0; i < contenders.Length; i++)
            {
                var rate = await MeasureAsync(contenders[i].Port, id);

                // The first round warms up.
                if (round >= 0)
                {
                    results[i].Add(rate);
                }
            }
        }

        Console.WriteLine($"\nHits: {Rounds} rounds in turns, {Seconds} s each, {Connections} connections\n");
        Console.WriteLine("| | requests/s, median | of bare Kestrel | of the raw GET |\n| --- | --- | --- | --- |");
        for (var i = 0; i < contenders.Length; i++)
        {
            Console.WriteLine($"| {contenders[i].Name} | {Median(results[i]):N0} | {Ratio(results[i], results[0]):0.00} | {Ratio(results[i], results[1]):0.00} |");
        }

        var (api, worker) = servers.Memory();
        Console.WriteLine($"\nResident memory after it: Api {api} MiB, Worker {worker} MiB");
    }

    private static async Task<double> MeasureAsync(int port, long id)
    {
        var start = new ProcessStartInfo("wrk", ["-t1", $"-c{Connections}", $"-d{Seconds}s", $"http://127.0.0.1:{port}/productapp/{id}/"]) { RedirectStandardOutput = true };
        using var wrk = Process.Start(start)!;
        var output = await wrk.StandardOutput.ReadToEndAsync();
        await wrk.WaitForExitAsync();
        if (output.Contains("Non-2xx", StringComparison.Ordinal))
        {
            throw new InvalidOperationException(output);
        }

        return double.Parse(Rate().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex Rate();
}
