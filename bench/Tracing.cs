using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>What traces cost a hit: one Api without them, one that samples 1 %, one that records every request, in turns.</summary>
internal static class Tracing
{
    private const int Products = 1_000;
    private const int WarmUps = 2;
    private const int Rounds = 9;

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        var first = await servers.InsertAsync(Products);

        // It takes the spans and says no more about them than a collector.
        var collector = await servers.StartPeerAsync(Peers.Kestrel, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(1));
        Task<int> SampledAsync(string share) => servers.StartApiAsync(
            KeyValuePair.Create("OTEL_EXPORTER_OTLP_ENDPOINT", $"http://127.0.0.1:{collector}"),
            KeyValuePair.Create("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            KeyValuePair.Create("OTEL_METRICS_EXPORTER", "none"),
            KeyValuePair.Create("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            KeyValuePair.Create("OTEL_TRACES_SAMPLER_ARG", share));
        (string Name, int Port)[] contenders =
        [
            ("no traces", servers.ApiPort),
            ("1 % of the requests", await SampledAsync("0.01")),
            ("every request", await SampledAsync("1")),
        ];
        using var client = new HttpClient();
        foreach (var (_, port) in contenders)
        {
            await Parallel.ForEachAsync(
                Enumerable.Range(0, Products), async (offset, cancellationToken) => await HitLoad.GetAsync(client, port, first + offset, cancellationToken));
        }

        var results = await HitLoad.InTurnsAsync([.. contenders.Select(contender => contender.Port)], first, Products, WarmUps, Rounds);
        List<double>[] rates = [.. results.Select(loads => loads.ConvertAll(load => load.Rate))];
        return new Section(
            "Tracing",
            $"{Products:N0} products in the near cache, read by wrk over {HitLoad.Connections} connections; {Rounds} rounds in turns, {HitLoad.Seconds} s each. Spans are exported by OTLP to another process.",
            [
                new ReportTable(
                    ["traces of", "requests/s, median", "min", "max", "ratio to no traces"],
                    [.. contenders.Select((contender, i) => (IReadOnlyList<string>)
                    [
                        contender.Name, Figures.Number(Median(rates[i])), Figures.Number(rates[i].Min()), Figures.Number(rates[i].Max()), Figures.Ratio(Ratio(rates[i], rates[0])),
                    ])],
                    new BarChart(
                        "tracing",
                        "Tracing: requests per second",
                        "requests/s",
                        $"Median of {Rounds} rounds; whiskers: the lowest and the highest round",
                        [.. contenders.Select((contender, i) => new Bar(contender.Name, Median(rates[i]), rates[i].Min(), rates[i].Max(), true))])),
            ]);
    }
}
