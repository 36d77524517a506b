using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using ProductCache.Standalone;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>The embedded default: one process that brings its own servers, and takes them with it.</summary>
public sealed partial class StandaloneTests
{
    private string folder = null!;
    private bool protectedReads;

    [SetUp]
    public void CreateFolder()
    {
        protectedReads = false;
        folder = Directory.CreateTempSubdirectory("product-cache-standalone-").FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(folder, recursive: true);

    [Test]
    public async Task ItAnswersKeepsItsDataAndLeavesNothingBehind()
    {
        RequireInterrupts();
        await using (var first = await StartAsync())
        {
            Assert.That(first.Output, Does.Contain("1000 sample products added").And.Contain("(embedded, in memory)"));
            await AnswersAsync(first, "1");
            await PsqlAsync("INSERT INTO products (id, name, price) VALUES (5000, 'By hand', 1)");
            first.Signal(ChildProcess.SIGINT);
            Assert.That(await first.ExitAsync(), Is.Zero);
            Assert.That(ServersOfFolder(), Is.Empty);
        }

        await using var second = await StartAsync();
        Assert.That(second.Output, Does.Not.Contain("sample products added"));
        await AnswersAsync(second, "5000");
    }

    // A shell starts its background jobs (nohup, &) with SIGINT ignored, and every process below inherits that.
    private static void RequireInterrupts()
    {
        var ignored = File.ReadLines("/proc/self/status").First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal)).Split('\t')[1];
        if ((Convert.ToUInt64(ignored, 16) & (1UL << (ChildProcess.SIGINT - 1))) != 0)
        {
            Assert.Ignore("This test run ignores SIGINT, and so does the service that it starts: run it in the foreground.");
        }
    }

    [Test]
    public async Task ItsFirstStartTellsAKeyThatIsGoodFromThenOn()
    {
        protectedReads = true;
        string key;
        await using (var first = await StartAsync())
        {
            key = ApiKeyText().Match(first.Output).Value;
            Assert.That(await StatusAsync(first, "1", key: null), Is.EqualTo(HttpStatusCode.Unauthorized));
            await AnswersAsync(first, "1", key);
        }

        var file = Path.Combine(folder, "api-keys");
        Assert.That(File.GetUnixFileMode(file), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.That(await File.ReadAllTextAsync(file), Does.StartWith("local ").And.Not.Contain("pc_"));

        await using var second = await StartAsync();
        Assert.That(second.Output, Does.Not.Contain("pc_").And.Contain(file));
        await AnswersAsync(second, "1", key);
    }

    [Test]
    public async Task ItsServersDieWithItWhenItIsKilled()
    {
        await using var standalone = await StartAsync();
        Assert.That(ServersOfFolder(), Is.Not.Empty);

        await standalone.KillAsync();

        await Eventually.TrueAsync(() => ServersOfFolder().Count == 0);
        await using var next = await StartAsync();
        await AnswersAsync(next, "1");
    }

    [Test]
    public async Task ASecondOneOnTheSameDataIsRefused()
    {
        await using var first = await StartAsync();
        await using var second = Launch();

        Assert.That(await second.ExitAsync(), Is.EqualTo(1));
        Assert.That(second.Output, Does.Contain(folder).And.Not.Contain("   at "));
    }

    [GeneratedRegex(@"http://localhost:(\d+)/productapp/")]
    private static partial Regex ApiAddress();

    [GeneratedRegex(@"(?<=API key: )pc_local_[\w-]{43}(?= \(shown once)")]
    private static partial Regex ApiKeyText();

    private static Uri AddressOf(ServiceUnderTest standalone, string id) =>
        new($"http://localhost:{ApiAddress().Match(standalone.Output).Groups[1].Value}/productapp/{id}/");

    private static async Task<HttpStatusCode> StatusAsync(ServiceUnderTest standalone, string id, string? key)
    {
        using var client = new HttpClient();
        if (key is not null)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        using var answer = await client.GetAsync(AddressOf(standalone, id));
        return answer.StatusCode;
    }

    // A client asks again after 202, and after 503: on a busy machine the first produce may take longer than its reader waits.
    private static Task AnswersAsync(ServiceUnderTest standalone, string id, string? key = null) => Eventually.TrueAsync(async () =>
    {
        var status = await StatusAsync(standalone, id, key);
        Assert.That(status, Is.AnyOf(HttpStatusCode.OK, HttpStatusCode.Accepted, HttpStatusCode.ServiceUnavailable));
        return status == HttpStatusCode.OK;
    });

    private ServiceUnderTest Launch() => ServiceUnderTest.Launch(
        "Standalone", [KeyValuePair.Create("PRODUCTCACHE_DATA", folder), KeyValuePair.Create("API_READS", protectedReads ? "protected" : "open")]);

    private async Task<ServiceUnderTest> StartAsync()
    {
        var standalone = Launch();
        await Eventually.TrueAsync(
            () =>
            {
                Assert.That(standalone.Process.HasExited, Is.False, standalone.Output);
                return standalone.Output.Contains("Ctrl-C stops everything.", StringComparison.Ordinal);
            },
            "the banner");
        return standalone;
    }

    // The way a user does it, through the script.
    private async Task PsqlAsync(string sql)
    {
        var start = new ProcessStartInfo(Path.Combine(Repository.Root, "run"), ["psql", "-c", sql]);
        start.Environment["PRODUCTCACHE_DATA"] = folder;
        using var psql = Process.Start(start)!;
        await psql.WaitForExitAsync();
        Assert.That(psql.ExitCode, Is.Zero);
    }

    // PostgreSQL names its folder on its command line.
    private List<string> ServersOfFolder() =>
    [
        .. from directory in Directory.GetDirectories("/proc")
           where int.TryParse(Path.GetFileName(directory), out _)
           let command = CommandLine(directory)
           where command.Contains($"{folder}/postgres/data", StringComparison.Ordinal)
           select command,
    ];

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (IOException)
        {
            return string.Empty;
        }
    }
}
