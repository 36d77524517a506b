using System.Globalization;
using ProductCache.Standalone;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests.Outages;

/// <summary>A process that consumes orders with the rider: one that can be killed.</summary>
internal sealed class ConsumerProcess : IAsyncDisposable
{
    /// <summary>It commits after as many records of a partition.</summary>
    public const int Checkpoint = 20;

    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(60);

    private readonly string file = Path.GetTempFileName();
    private readonly ChildProcess process;
    private bool ended;

    /// <param name="hangAt">The id of an order whose handling never ends. Empty: no order.</param>
    /// <param name="milliseconds">How long the handling of an order takes.</param>
    public ConsumerProcess(KafkaServer kafka, string topic, string group, string hangAt = "", int milliseconds = 1)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "ProductCache.RiderProcess.dll");
        string[] arguments = [program, kafka.Bootstrap, topic, group, $"{Checkpoint}", file, hangAt, $"{milliseconds}"];
        process = ChildProcess.Start(null, ChildProcess.SIGTERM, StopTimeout, "dotnet", arguments);
    }

    /// <summary>Partition and id of each order that was handled, also after the end.</summary>
    public IReadOnlyList<(int Partition, string Id)> Handled =>
        [.. File.ReadAllLines(file).Select(line => line.Split(' ')).Where(words => words.Length == 2).Select(words => (int.Parse(words[0], CultureInfo.InvariantCulture), words[1]))];

    public bool Hangs => File.ReadAllLines(file).Contains("hangs");

    /// <summary>Each client of librdkafka has a thread of this name; a client that is made anew has another one.</summary>
    public IReadOnlyList<string> NativeClients =>
        [.. Directory.EnumerateDirectories($"/proc/{process.Id}/task").Where(thread => File.ReadAllText(Path.Combine(thread, "comm")).Trim() == "rdk:main").Order()];

    public Task KillAsync()
    {
        process.Signal(ChildProcess.SIGKILL);
        return EndAsync();
    }

    /// <summary>Asks it to end, once: a second SIGTERM would end it on the spot.</summary>
    public Task StopAsync() => EndAsync();

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        File.Delete(file);
    }

    private async Task EndAsync()
    {
        if (!ended)
        {
            ended = true;
            await process.DisposeAsync();
        }
    }
}
