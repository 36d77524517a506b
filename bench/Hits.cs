using StackExchange.Redis;
using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>Requests per second for cached products, in turns with the peers, by wrk.</summary>
internal static class Hits
{
    private const int Products = 1_000;
    private const int WarmUps = 2;
    private const int Rounds = 9;

    // The service's own defaults.
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(600);
    private static readonly TimeSpan MemoryTtl = TimeSpan.FromSeconds(5);

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        var first = await servers.InsertAsync(Products);
        Task<int> PeerAsync(string peer) => servers.StartPeerAsync(peer, Ttl, MemoryTtl);
        Contender[] contenders =
        [
            new("bare Kestrel, a fixed body", await PeerAsync(Peers.Kestrel)),
            new("Kestrel and one raw Redis GET", await PeerAsync(Peers.RawRedis)),
            new("no cache: one SELECT per request", await PeerAsync(Peers.Sql)),
            new("IDistributedCache, Redis", await PeerAsync(Peers.Distributed)),
            new("HybridCache, Redis only", await PeerAsync(Peers.HybridRedisOnly)),
            new("FusionCache, Redis only", await PeerAsync(Peers.FusionRedisOnly)),
            new("ProductCache, Redis only", await servers.StartApiAsync(KeyValuePair.Create("NEAR_CACHE_MB", "0")), Own: true),
            new("HybridCache, memory and Redis", await PeerAsync(Peers.Hybrid)),
            new("FusionCache, memory and Redis", await PeerAsync(Peers.Fusion)),
            new("ProductCache, near cache and Redis", servers.ApiPort, Own: true),
        ];
        await FillAsync(servers, contenders, first);

        var results = await HitLoad.InTurnsAsync([.. contenders.Select(contender => contender.Port)], first, Products, WarmUps, Rounds);
        return Describe(contenders, results, servers.Memory());
    }

    private static Section Describe(Contender[] contenders, IReadOnlyList<List<Load>> results, (long Api, long Worker) memory)
    {
        List<double>[] rates = [.. results.Select(loads => loads.ConvertAll(load => load.Rate))];
        List<IReadOnlyList<string>> rows = [];
        List<Bar> throughput = [], latency = [];
        for (var i = 0; i < contenders.Length; i++)
        {
            var (name, own) = (contenders[i].Name, contenders[i].Own);
            var (p50, p99) = (Median(results[i].ConvertAll(load => load.P50)), Median(results[i].ConvertAll(load => load.P99)));
            rows.Add(
            [
                name, Figures.Number(Median(rates[i])), Figures.Number(rates[i].Min()), Figures.Number(rates[i].Max()),
                Figures.Ratio(Ratio(rates[i], rates[0])), Figures.Ratio(Ratio(rates[i], rates[1])), Figures.Number(p50), Figures.Number(p99),
            ]);
            throughput.Add(new Bar(name, Median(rates[i]), rates[i].Min(), rates[i].Max(), own));
            latency.Add(Bar.OfLatency(name, p50, p99, own));
        }

        return new Section(
            "Hits",
            $"{Products:N0} cached products read in turn by wrk over {HitLoad.Connections} connections; {Rounds} rounds in turns, {HitLoad.Seconds} s each. " +
            $"Lifetime of an entry: {Ttl.TotalSeconds:0} s in Redis, {MemoryTtl.TotalSeconds:0} s in memory. The latencies are those at full load.",
            [
                new ReportTable(
                    ["", "requests/s, median", "min", "max", "ratio to bare Kestrel", "ratio to the raw GET", "p50, ms", "p99, ms"],
                    rows,
                    new BarChart(
                        "hits", "Hits: requests per second", "requests/s", $"Median of {Rounds} rounds; whiskers: the lowest and the highest round", throughput),
                    new BarChart(
                        "hits-latency", "Hits: latency at full load", "ms", $"p50, {HitLoad.Connections} connections; whiskers: up to p99", latency)),
            ],
            $"Resident memory after it: Api {memory.Api} MiB, Worker {memory.Worker} MiB.");
    }

    /// <summary>Fills every cache, and makes sure that all but bare Kestrel answer the same.</summary>
    private static async Task FillAsync(BenchServers servers, Contender[] contenders, long first)
    {
        using var client = new HttpClient();
        await using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis);
        await Parallel.ForEachAsync(Enumerable.Range(0, Products), async (offset, cancellationToken) =>
        {
            var id = first + offset;
            var body = await HitLoad.GetAsync(client, servers.ApiPort, id, cancellationToken);
            await redis.GetDatabase().StringSetAsync(Peers.RawKey(id), body);
            foreach (var contender in contenders.Skip(1))
            {
                if (await HitLoad.GetAsync(client, contender.Port, id, cancellationToken) != body)
                {
                    throw new InvalidOperationException($"{contender.Name} answers product {id} otherwise than the service.");
                }
            }
        });
    }

    private sealed record Contender(string Name, int Port, bool Own = false);
}
