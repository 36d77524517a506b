using ProductCache.Bench;

// Two of the peers are servers, run as processes of their own like the service they stand beside.
if (args is ["peer", var peer, var port, var redis])
{
    await Peers.RunAsync(peer, int.Parse(port, System.Globalization.CultureInfo.InvariantCulture), redis);
    return 0;
}

string[] all = ["hits", "many", "misses", "changes", "bulk", "sql"];
var chosen = args.Length == 0 ? all : args;
if (chosen.Except(all).FirstOrDefault() is { } unknown)
{
    await Console.Error.WriteLineAsync($"There is no bench {unknown}; there are: {string.Join(", ", all)}.");
    return 2;
}

await using var servers = await BenchServers.StartAsync();
foreach (var bench in chosen)
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
