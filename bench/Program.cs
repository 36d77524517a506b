using ProductCache.Bench;

// Two of the peers are servers, run as processes of their own like the service they stand beside.
if (args is ["peer", var peer, var port, var redis])
{
    await Peers.RunAsync(peer, int.Parse(port, System.Globalization.CultureInfo.InvariantCulture), redis);
    return 0;
}

string[] ofService = ["hits", "many", "misses", "changes", "bulk", "sql"];

// They need nothing but Kafka.
string[] ofRider = ["rider", "rider-memory"];
string[] all = [.. ofService, .. ofRider];

// The last one takes its time, and is run only when it is named.
var chosen = args.Length == 0 ? all[..^1] : args;
if (chosen.Except(all).FirstOrDefault() is { } unknown)
{
    await Console.Error.WriteLineAsync($"There is no bench {unknown}; there are: {string.Join(", ", all)}.");
    return 2;
}

foreach (var bench in chosen.Intersect(ofRider))
{
    await (bench == "rider" ? Rider.RunAsync() : RiderMemory.RunAsync());
}

var left = chosen.Except(ofRider).ToList();
if (left.Count == 0)
{
    return 0;
}

await using var servers = await BenchServers.StartAsync();
foreach (var bench in left)
{
    await (bench switch
    {
        "hits" => Hits.RunAsync(servers),
        "many" => Many.RunAsync(servers),
        "misses" => Misses.RunAsync(servers),
        "changes" => Changes.RunAsync(servers),
        "bulk" => BulkUpdate.RunAsync(servers),
        _ => SqlReads.RunAsync(servers),
    });
}

return 0;
