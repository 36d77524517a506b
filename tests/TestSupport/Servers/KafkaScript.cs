using System.Diagnostics;
using System.Globalization;
using ProductCache.Standalone;

namespace ProductCache.TestSupport.Servers;

/// <summary>
/// The script kafka-cluster and the cluster that it runs: start | stop | destroy, kill | pause | resume | restart N, configured by
/// KAFKA_HOME, KAFKA_DIR and KAFKA_PORT.
/// </summary>
internal sealed class KafkaScript(string home, int brokers = 1)
{
    /// <summary>How much further on a controller listens than its broker.</summary>
    private const int ToController = 100;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);
    private static readonly string Script = Repository.PathOf("tests/TestSupport/Servers/kafka-cluster");

    private readonly int port = TestServer.FreePort(Enumerable.Range(1, brokers - 1).Concat(Enumerable.Range(ToController, brokers)));

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), $"product-cache-kafka-{Guid.NewGuid():N}");

    public string Bootstrap => string.Join(",", Enumerable.Range(port, brokers).Select(broker => $"127.0.0.1:{broker}"));

    public async Task KillAsync(int broker)
    {
        var process = await File.ReadAllTextAsync(Path.Combine(Folder, $"{broker}", "pid"));
        await RunAsync("kill", $"{broker}");

        // Until then a start would take it for one that runs.
        await Retry.UntilAsync(
            () => Directory.Exists($"/proc/{process.Trim()}") ? throw new TimeoutException("not yet") : Task.CompletedTask,
            failure => failure is TimeoutException,
            Timeout,
            "The end of Kafka");
    }

    public async Task RunAsync(string command, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("bash", [Script, command, .. arguments]) { RedirectStandardOutput = true };
        start.Environment["KAFKA_HOME"] = home;
        start.Environment["KAFKA_DIR"] = Folder;
        start.Environment["KAFKA_PORT"] = port.ToString(CultureInfo.InvariantCulture);
        using var process = Process.Start(start)!;

        // The broker inherits the pipe, so the end of the output is not the end of the command.
        await process.WaitForExitAsync().WaitAsync(Timeout);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"kafka-cluster {command} failed with exit code {process.ExitCode}.");
        }
    }
}
