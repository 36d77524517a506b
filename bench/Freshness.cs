using System.Diagnostics;
using System.Net;
using System.Text.Json;
using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>
/// How long readers see the old row after an UPDATE that does not go through the cache, such as one by psql: every UPDATE is
/// looked for by readers of the service and of the peers at the same time.
/// </summary>
internal static class Freshness
{
    private const int Products = 40;
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MemoryTtl = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ReadInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        var first = await servers.InsertAsync(Products);
        Task<int> PeerAsync(string peer) => servers.StartPeerAsync(peer, Ttl, MemoryTtl);
        Reader[] readers =
        [
            new("IDistributedCache, Redis", await PeerAsync(Peers.Distributed)),
            new("HybridCache, memory and Redis", await PeerAsync(Peers.Hybrid)),
            new("FusionCache, memory and Redis", await PeerAsync(Peers.Fusion)),
            new("ProductCache, near cache and Redis", servers.ApiPort, Own: true),
        ];
        using var client = new HttpClient();
        var times = await Task.WhenAll(Enumerable.Range(0, Products).Select(n => ChangeAsync(servers, client, readers, first + n, n)));

        List<IReadOnlyList<string>> rows = [];
        List<Bar> bars = [];
        for (var i = 0; i < readers.Length; i++)
        {
            List<double> ofReader = [.. times.Select(ofProduct => ofProduct[i])];
            rows.Add([readers[i].Name, Figures.Number(Median(ofReader)), Figures.Number(ofReader.Min()), Figures.Number(ofReader.Max())]);
            bars.Add(new Bar(readers[i].Name, Median(ofReader), ofReader.Min(), ofReader.Max(), readers[i].Own));
        }

        return new Section(
            "Freshness",
            $"One UPDATE by plain SQL, as psql sends it, of each of {Products} cached products " +
            $"that are read every {ReadInterval.TotalMilliseconds:0} ms; " +
            "seconds from the answer to COMMIT to the first read of the new row. " +
            $"Lifetime of a peer's entry: {Ttl.TotalSeconds:0} s in Redis, {MemoryTtl.TotalSeconds:0} s in memory; " +
            "the service has its defaults (600 s and 5 s).",
            [
                new ReportTable(
                    ["", "old row is read for, s, median", "min", "max"],
                    rows,
                    new BarChart(
                        "freshness", "Freshness: how long the old row is read", "seconds after COMMIT",
                        $"Median of {Products} UPDATEs; whiskers: the shortest and the longest", bars)),
            ],
            "Of the peers it follows from the lifetime of their entries: with 600 s it is up to 60 times as long.");
    }

    private static async Task<double[]> ChangeAsync(BenchServers servers, HttpClient client, Reader[] readers, long id, int n)
    {
        // Spread over one lifetime; the UPDATE comes at another moment of the entry's life for each product.
        await Task.Delay(Ttl * n / Products);
        var began = Stopwatch.GetTimestamp();
        var until = Ttl * (1 + (n * 7 % Products / (double)Products));
        while (Stopwatch.GetElapsedTime(began) < until)
        {
            await Task.WhenAll(readers.Select(reader => PriceAsync(client, reader, id)));
            await Task.Delay(ReadInterval);
        }

        await using var command = servers.DataSource.CreateCommand("UPDATE products SET price = price + 1 WHERE id = $1 RETURNING price");
        command.Parameters.AddWithValue(id);
        var price = (decimal)(await command.ExecuteScalarAsync())!;
        var committed = Stopwatch.GetTimestamp();
        return await Task.WhenAll(readers.Select(reader => UntilAsync(client, reader, id, price, committed)));
    }

    private static async Task<double> UntilAsync(HttpClient client, Reader reader, long id, decimal price, long committed)
    {
        while (await PriceAsync(client, reader, id) != price)
        {
            var elapsed = Stopwatch.GetElapsedTime(committed);
            if (elapsed > Patience)
            {
                throw new TimeoutException($"{reader.Name} did not show the new price of product {id} within {Patience.TotalSeconds:0} s.");
            }

            // In steps of 2 %, so that those who wait long leave the processors to the others.
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Clamp(elapsed.TotalMilliseconds / 50, 1, LongestPause.TotalMilliseconds)));
        }

        return Stopwatch.GetElapsedTime(committed).TotalSeconds;
    }

    private static async Task<decimal?> PriceAsync(HttpClient client, Reader reader, long id)
    {
        using var answer = await client.GetAsync(new Uri($"http://127.0.0.1:{reader.Port}/productapp/{id}/"));
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            return null;
        }

        using var body = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync());
        return body.RootElement.GetProperty("price").GetDecimal();
    }

    private sealed record Reader(string Name, int Port, bool Own = false);
}
