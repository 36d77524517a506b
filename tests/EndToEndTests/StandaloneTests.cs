using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Standalone;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>The embedded default: one process that brings its own servers, and takes them with it.</summary>
[Category(TestCategories.OwnServers)]
[Parallelizable(ParallelScope.Self)]
public sealed partial class StandaloneTests
{
    private const string DashboardProject = "tools/dashboard/Dashboard.csproj";

    private static readonly TimeSpan DownloadTimeout = TimeSpan.FromMinutes(3);

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
    public async Task OtherMachinesAndOtherUsersOfThisOneHaveNoAccess()
    {
        await using var standalone = await StartAsync();
        var connection = (await File.ReadAllLinesAsync(Path.Combine(folder, "connection.env"))).Select(line => line.Split('=')).ToDictionary(line => line[0], line => line[1]);
        int[] ports = [AddressOf(standalone, "1").Port, Number(connection["REDIS_PORT"]), Number(connection["PGPORT"])];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Where(listener => ports.Contains(listener.Port)).Select(listener => listener.Address),
                Is.Not.Empty.And.All.Matches<IPAddress>(IPAddress.IsLoopback));
            Assert.That(await AskRedisAsync(Number(connection["REDIS_PORT"]), "PING"), Does.StartWith("-NOAUTH"));
            Assert.That(await AskRedisAsync(Number(connection["REDIS_PORT"]), $"AUTH {connection["REDISCLI_AUTH"]}"), Does.StartWith("+OK"));
            Assert.That(
                Directory.GetDirectories("/proc").Select(CommandLine),
                Has.None.Contains(connection["REDISCLI_AUTH"]).And.None.Contains(connection["PGPASSWORD"]));
            Assert.That(File.GetUnixFileMode(Path.Combine(folder, "connection.env")), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }

        await PsqlAsync("DO $$ BEGIN ASSERT (SELECT NOT rolsuper FROM pg_roles WHERE rolname = current_user); END $$");
    }

    [Test]
    public async Task ItListensOnAllInterfacesWhereItIsToldTo()
    {
        await using var standalone = await StartAsync(("LISTEN_ON", "any"));

        var port = AddressOf(standalone, "1").Port;
        Assert.That(
            IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Where(listener => listener.Port == port),
            Has.None.Matches<IPEndPoint>(listener => IPAddress.IsLoopback(listener.Address)));
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

    [TestCase("/postgres ")]
    [TestCase("redis-server ")]
    public async Task AServerThatDiesIsStartedAgain(string command)
    {
        await using var standalone = await StartAsync();
        await PsqlAsync("INSERT INTO products (id, name, price) VALUES (5001, 'Kept', 1)");
        await AnswersAsync(standalone, "1");

        await KillChildAsync(standalone, command);

        await Eventually.TrueAsync(() => standalone.Output.Contains("is running again.", StringComparison.Ordinal));
        Assert.That(standalone.Output, Does.Contain("has ended (exit code 137). Starting it again."));
        await AnswersAsync(standalone, "1");
        await AnswersAsync(standalone, "5001");
        await PsqlAsync("INSERT INTO products (id, name, price) VALUES (5002, 'New', 1)");
        await AnswersAsync(standalone, "5002");
        Assert.That(standalone.Process.HasExited, Is.False);
    }

    [Test]
    public async Task AServerThatCannotBeStartedAgainEndsItWithASentence()
    {
        await using var standalone = await StartAsync();
        var port = int.Parse(RedisPort().Match(standalone.Output).Groups[1].Value, CultureInfo.InvariantCulture);
        using var other = new TcpListener(IPAddress.Loopback, port);

        // Its old connections still have the port.
        other.Server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        await KillChildAsync(standalone, "redis-server ");
        await Eventually.TrueAsync(() => IsTaken(other));

        await Eventually.TrueAsync(() => standalone.Process.HasExited);

        Assert.That(standalone.Process.ExitCode, Is.EqualTo(1));
        Assert.That(standalone.Output, Does.Contain($"It has failed {Restarts.MaxFailures} times in a row and is not started again.").And.Not.Contain("   at "));
        Assert.That(ServersOfFolder(), Is.Empty);
    }

    [Test]
    public async Task NamedPortsAreItsPorts()
    {
        var (api, worker) = (TestServer.FreePort(), TestServer.FreePort());
        await using var standalone = await StartAsync(("API_PORT", $"{api}"), ("WORKER_PORT", $"{worker}"), ("REDIS_HOST", "elsewhere"), ("REDIS_PASSWORD", "x"), ("REDIS_TLS", "true"), ("DB_SSL_MODE", "verify-full"));

        Assert.That(standalone.Output, Does.Contain($"http://localhost:{api}/productapp/1/").And.Contain($"http://localhost:{worker}/health/ready"));
        Assert.That(standalone.Output, Does.Contain("Ignored: DB_SSL_MODE, REDIS_HOST, REDIS_PASSWORD, REDIS_TLS. "));
        await AnswersAsync(standalone, "1");
    }

    [TestCase("API_PORT", "x", "API_PORT must be an integer from 1 to 65535, not 'x'.")]
    [TestCase("WORKER_PORT", null, "WORKER_PORT is {0}, but another process listens on that port.")]
    public async Task ANamedPortThatCannotBeHadEndsTheStart(string key, string? value, string sentence)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var taken = ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        await using var standalone = Launch((key, value ?? taken));

        Assert.That(await standalone.ExitAsync(), Is.EqualTo(ServiceProcess.WrongSettings));
        Assert.That(standalone.Output, Is.EqualTo(string.Format(CultureInfo.InvariantCulture, sentence, taken)));
    }

    [Test]
    public async Task ASecondOneOnTheSameDataIsRefused()
    {
        await using var first = await StartAsync();
        await using var second = Launch();

        Assert.That(await second.ExitAsync(), Is.EqualTo(1));
        Assert.That(second.Output, Does.Contain(folder).And.Not.Contain("   at "));
    }

    [Test]
    public async Task TheDashboardShowsTheTracesOfARequestAndStopsWithTheRest()
    {
        // The way ./run gets it.
        await DotnetAsync("restore", DashboardProject);
        var program = (await DotnetAsync("msbuild", DashboardProject, "-nologo", "-getProperty:DashboardProgram")).Trim();
        int dashboard;
        await using (var standalone = await StartAsync((Dashboard.Setting, program)))
        {
            var page = new Uri(DashboardAddress().Match(standalone.Output).Value);
            using var client = new HttpClient();
            using var answer = await client.GetAsync(page);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));

            await AnswersAsync(standalone, "1");

            await Eventually.TrueAsync(
                async () => (await client.GetStringAsync(new Uri(page, "/api/telemetry/traces"))).Contains("GET /productapp/{id}", StringComparison.Ordinal),
                "the trace of the request");
            dashboard = ChildrenOf(standalone, "Aspire.Dashboard").Single();
        }

        Assert.That(CommandLine($"/proc/{dashboard}"), Is.Empty);
    }

    [Test]
    public async Task ADashboardThatCannotStartIsToldAndTheRestRuns()
    {
        await using var standalone = await StartAsync((Dashboard.Setting, "/nowhere"));

        await AnswersAsync(standalone, "1");
        Assert.That(standalone.Output, Does.Contain("The dashboard does not run: PRODUCTCACHE_DASHBOARD names /nowhere, which is not there.").And.Not.Contain("   at "));
    }

    [GeneratedRegex(@"(?<=Dashboard +)http://localhost:\d+")]
    private static partial Regex DashboardAddress();

    [GeneratedRegex(@"http://localhost:(\d+)/productapp/")]
    private static partial Regex ApiAddress();

    [GeneratedRegex(@"Redis +127\.0\.0\.1:(\d+)")]
    private static partial Regex RedisPort();

    [GeneratedRegex(@"(?<=API key: )pc_local_[\w-]{43}(?= \(shown once)")]
    internal static partial Regex ApiKeyText();

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

    private ServiceUnderTest Launch(params IEnumerable<(string Key, string Value)> settings) => ServiceUnderTest.Launch(
        "Standalone",
        [
            KeyValuePair.Create("PRODUCTCACHE_DATA", folder),
            KeyValuePair.Create("API_READS", protectedReads ? "protected" : "open"),
            .. settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value)),
        ]);

    private static bool IsTaken(TcpListener listener)
    {
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static async Task<string> AskRedisAsync(int port, string command)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{command}\r\n"));
        using var reader = new StreamReader(stream);
        return await reader.ReadLineAsync() ?? string.Empty;
    }

    // Its parent is the process under test.
    private static async Task KillChildAsync(ServiceUnderTest standalone, string command)
    {
        using var kill = Process.Start("kill", ["-9", $"{ChildrenOf(standalone, command).Single()}"]);
        await kill.WaitForExitAsync();
    }

    private static List<int> ChildrenOf(ServiceUnderTest standalone, string command)
    {
        var parent = $"PPid:\t{standalone.Process.Id}\n";
        return
        [
            .. from directory in Directory.GetDirectories("/proc")
               where int.TryParse(Path.GetFileName(directory), out _)
               where CommandLine(directory).Replace('\0', ' ').Contains(command, StringComparison.Ordinal)
               where ReadFile(Path.Combine(directory, "status")).Contains(parent, StringComparison.Ordinal)
               select Number(Path.GetFileName(directory)),
        ];
    }

    private async Task<ServiceUnderTest> StartAsync(params IEnumerable<(string Key, string Value)> settings)
    {
        var standalone = Launch(settings);
        await Eventually.TrueAsync(
            () =>
            {
                Assert.That(standalone.Process.HasExited, Is.False, standalone.Output);
                return standalone.Output.Contains("Ctrl-C stops everything.", StringComparison.Ordinal);
            },
            "the banner");
        return standalone;
    }

    private static async Task<string> DotnetAsync(params string[] arguments)
    {
        var result = await Command.RunAsync(["dotnet", .. arguments], DownloadTimeout, Repository.Root);
        Assert.That(result.ExitCode, Is.Zero, result.Output + result.Errors);
        return result.Output;
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

    private static string CommandLine(string process) => ReadFile(Path.Combine(process, "cmdline"));

    // A process may end meanwhile.
    private static string ReadFile(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return string.Empty;
        }
    }
}
