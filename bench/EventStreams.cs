using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ProductCache.Bench;

/// <summary>Many event streams of one Api: its memory and processor while nothing changes, and how long a change takes to all of them.</summary>
internal static class EventStreams
{
    private const int Streams = 10_000;
    private const int Products = 100;
    private const int Changes = 20;

    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        var first = await servers.InsertAsync(Products);
        var port = await servers.StartApiAsync(
            KeyValuePair.Create("API_EVENT_STREAMS", $"{Streams}"),
            KeyValuePair.Create("API_EVENT_STREAMS_PER_CLIENT", $"{Streams}"),
            KeyValuePair.Create("API_CONNECTIONS_PER_ADDRESS", "0"),
            KeyValuePair.Create("API_MAX_CONNECTIONS", $"{2 * Streams}"),
            KeyValuePair.Create("API_MISSES_PER_SECOND", "0"));
        var api = servers.ApiOn(port);
        var before = MemoryOf(api);
        List<Stream> streams = [];
        for (var i = 0; i < Streams; i++)
        {
            streams.Add(await Stream.OpenAsync(port, first + (i % Products)));
        }

        await UntilAsync(() => streams.TrueForAll(stream => stream.Events > 0), "the first state of all streams");
        var (processor, began) = (ProcessorOf(api), Stopwatch.GetTimestamp());
        await Task.Delay(Idle);
        var idle = (ProcessorOf(api) - processor) / Stopwatch.GetElapsedTime(began);
        var memory = MemoryOf(api);

        // A hundredth of the streams hear of one product, all hear of all.
        var one = await ChangeAsync(servers, streams, first, first);
        var all = await ChangeAsync(servers, streams, first, first + Products - 1);
        streams.ForEach(stream => stream.Dispose());
        return new Section(
            "Event streams",
            $"{Streams:N0} streams of one Api, each with one of {Products} products; the reader of the streams is on the same two cores. Times are from before the UPDATE to the event in the reader.",
            [
                new ReportTable(
                    ["", ""],
                    [
                        ["memory of the Api without streams, MiB", Figures.Number(before)],
                        ["… with all streams", Figures.Number(memory)],
                        ["… for each stream, KiB", Figures.Number((memory - before) * 1024.0 / Streams)],
                        ["processor of the Api while nothing changes, % of one core", Figures.Number(100 * idle)],
                    ]),
                new ReportTable(
                    ["an UPDATE of", "streams that hear of it", "median, ms", "99 of 100, ms", "last, ms"],
                    [RowOf("one product", Streams / Products, one), RowOf($"{Products} products", Streams, all)]),
            ]);
    }

    private static IReadOnlyList<string> RowOf(string name, int streams, List<double> delays) =>
    [
        name, Figures.Number(streams), Figures.Number(delays[delays.Count / 2]), Figures.Number(delays[delays.Count * 99 / 100]), Figures.Number(delays[^1]),
    ];

    /// <returns>The delays of all streams in milliseconds, in order.</returns>
    private static async Task<List<double>> ChangeAsync(BenchServers servers, List<Stream> streams, long first, long last)
    {
        List<double> delays = [];
        for (var change = 1; change <= Changes; change++)
        {
            var concerned = streams.Where(stream => stream.Id >= first && stream.Id <= last).ToList();
            var seen = concerned.ConvertAll(stream => stream.Events);
            var began = Stopwatch.GetTimestamp();
            await using var command = servers.DataSource.CreateCommand("UPDATE products SET price = price + 1 WHERE id BETWEEN $1 AND $2");
            command.Parameters.AddWithValue(first);
            command.Parameters.AddWithValue(last);
            await command.ExecuteNonQueryAsync();
            await UntilAsync(() => concerned.Zip(seen).All(pair => pair.First.Events > pair.Second), "the change in all streams");
            delays.AddRange(concerned.Select(stream => Stopwatch.GetElapsedTime(began, stream.LastAt).TotalMilliseconds));
        }

        delays.Sort();
        return delays;
    }

    private static async Task UntilAsync(Func<bool> condition, string what)
    {
        var began = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(began) > Patience)
            {
                throw new TimeoutException($"Waited in vain for {what}.");
            }

            await Task.Delay(20);
        }
    }

    private static double MemoryOf(Process process)
    {
        process.Refresh();
        return process.WorkingSet64 / (1024.0 * 1024);
    }

    private static TimeSpan ProcessorOf(Process process)
    {
        process.Refresh();
        return process.TotalProcessorTime;
    }

    /// <summary>Counts the events with a state that arrive on one connection.</summary>
    private sealed class Stream : IDisposable
    {
        private static readonly byte[] Event = "event: product"u8.ToArray();

        private readonly Socket socket;

        private Stream(Socket socket, long id) => (this.socket, Id) = (socket, id);

        public long Id { get; }

        public int Events { get; private set; }

        public long LastAt { get; private set; }

        public static async Task<Stream> OpenAsync(int port, long id)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync("127.0.0.1", port);
            await socket.SendAsync(Encoding.ASCII.GetBytes(string.Create(
                CultureInfo.InvariantCulture, $"GET /api/v1/products/events?ids={id} HTTP/1.1\r\nHost: localhost\r\n\r\n")));
            var stream = new Stream(socket, id);
            _ = stream.ReadAsync();
            return stream;
        }

        public void Dispose() => socket.Dispose();

        private async Task ReadAsync()
        {
            var buffer = new byte[2_048];
            try
            {
                while (await socket.ReceiveAsync(buffer) is > 0 and var count)
                {
                    // An event is written at once, so its beginning is not split.
                    if (buffer.AsSpan(0, count).IndexOf(Event) >= 0)
                    {
                        LastAt = Stopwatch.GetTimestamp();
                        Events++;
                    }
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The bench is over.
            }
        }
    }
}
