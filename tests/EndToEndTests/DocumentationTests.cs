using System.Globalization;
using System.Text.RegularExpressions;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>The commands of README and of the pages that promise output, run as they stand there, beside what <c>./run</c> starts.</summary>
[Category(TestCategories.OwnServers)]
public sealed partial class DocumentationTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(1);

    // In this order: the pages count on an id that is not cached yet, and on the next version.
    private static readonly string[] Documents = ["docs/http-api.md", "README.md", "docs/changes.md", "docs/kafka.md"];

    /// <summary>What is not run here, and why.</summary>
    private static readonly Dictionary<string, string> Exceptions = new()
    {
        ["./run\n"] = "The tests start what it starts.",
        ["./run test\n"] = "It runs this test.",
        ["KAFKA_BOOTSTRAP=localhost:9092 ./run\n"] = "StandaloneTests have a Kafka of their own.",
    };

    private string folder = null!;
    private int port;

    [Test]
    public async Task TheCommandsOfTheDocumentsDoWhatTheySay()
    {
        folder = Directory.CreateTempSubdirectory("product-cache-documents-").FullName;
        port = TestServer.FreePort();
        try
        {
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
            await using var standalone = ServiceUnderTest.Launch(
                "Standalone",
                new Dictionary<string, string>
                {
                    ["PRODUCTCACHE_DATA"] = folder,
                    ["API_PORT"] = port.ToString(CultureInfo.InvariantCulture),

                    // On a busy machine a fill may take longer than the second that readers wait otherwise.
                    ["API_DEFAULT_WAIT_SECONDS"] = "10",
                    ["WORKER_PORT"] = TestServer.FreePort().ToString(CultureInfo.InvariantCulture),
                });
            await standalone.ReadyAsync(port);
            await Eventually.TrueAsync(() => StandaloneTests.ApiKeyText().IsMatch(standalone.Output) && EmbeddedKafka().IsMatch(standalone.Output));
            var (key, kafka) = (StandaloneTests.ApiKeyText().Match(standalone.Output).Value, EmbeddedKafka().Match(standalone.Output).Groups[1].Value);

            List<string> exceptions = [];
            foreach (var commands in Documents.SelectMany(DocumentedCommands.Of))
            {
                if (Exceptions.ContainsKey(commands.Commands))
                {
                    exceptions.Add(commands.Commands);
                }
                else
                {
                    await RunAsync(commands, key, kafka);
                }
            }

            Assert.That(exceptions.Distinct(), Is.EquivalentTo(Exceptions.Keys));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task RunAsync(DocumentedCommands commands, string key, string kafka)
    {
        var script = commands.Commands
            .Replace("localhost:8000", $"localhost:{port}", StringComparison.Ordinal)
            .Replace("KEY=pc_local_…", $"KEY={key}", StringComparison.Ordinal);
        var output = string.Empty;
        await Eventually.TrueAsync(
            async () =>
            {
                // A fill and a notification take their milliseconds. On a busy machine Kafka may be slower than the deadline of a produce; a reader asks again.
                output = await BashAsync(script, key, kafka);
                return commands.IsMetBy(output) || !(commands.IsRepeatable || output.Contains("503 Service Unavailable", StringComparison.Ordinal));
            },
            () => $"{commands}{Environment.NewLine}{output}");
        Assert.That(commands.IsMetBy(output), $"{commands}{Environment.NewLine}{output}");
    }

    private async Task<string> BashAsync(string script, string key, string kafka)
    {
        var result = await Command.RunAsync(["bash", "-c", $"set -euo pipefail\n{script}"], Timeout, Repository.Root, variables =>
        {
            variables["PRODUCTCACHE_DATA"] = folder;
            variables["KEY"] = key;
            variables["KAFKA_BOOTSTRAP"] = kafka;
        });
        Assert.That(result.ExitCode, Is.Zero, $"{script}{result.Errors}");
        return result.Output.ReplaceLineEndings("\n");
    }

    [GeneratedRegex(@"Kafka +(127\.0\.0\.1:\d+) \(embedded")]
    private static partial Regex EmbeddedKafka();
}
