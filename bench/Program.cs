using System.Globalization;
using ProductCache.Bench;

// The peers are servers, run as processes of their own like the service they stand beside.
if (args is ["peer", var peer, var port])
{
    await Peers.RunAsync(peer, int.Parse(port, CultureInfo.InvariantCulture));
    return 0;
}

var (command, error) = BenchCommand.Parse(args);
if (error is not null)
{
    await Console.Error.WriteLineAsync(error);
    return 2;
}

var report = new Report(command!.Out);
foreach (var bench in command.Benches.Intersect(BenchCommand.OfRider))
{
    await report.RunAsync(
        bench,
        async () =>
        {
            var printed = await PrintedSection.CaptureAsync(bench == "rider" ? Rider.RunAsync : RiderMemory.RunAsync);
            return PrintedSection.Parse(bench, printed, ownPrefixes: ["rider", "ITopicProducer"]);
        },
        printed: true);
}

var ofService = command.Benches.Intersect(BenchCommand.OfService).ToList();
if (ofService.Count == 0)
{
    return 0;
}

await using var servers = await BenchServers.StartAsync();
foreach (var bench in ofService)
{
    await report.RunAsync(bench, () => bench switch
    {
        "hits" => Hits.RunAsync(servers),
        "freshness" => Freshness.RunAsync(servers),
        "many" => Many.RunAsync(servers),
        "misses" => Misses.RunAsync(servers),
        "changes" => Changes.RunAsync(servers),
        "tracing" => Tracing.RunAsync(servers),
        "mapping" => Mapping.RunAsync(servers),
        "compression" => Compression.RunAsync(servers),
        "events" => EventStreams.RunAsync(servers),
        "bulk" => BulkUpdate.RunAsync(servers),
        _ => SqlReads.RunAsync(servers),
    });
}

return 0;
