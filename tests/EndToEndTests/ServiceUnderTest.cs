using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using ProductCache.Standalone;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>A process of the service, as a user would start it.</summary>
internal sealed class ServiceUnderTest : IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(30);

    // Beginnings of the settings that must not come from whoever runs the tests.
    private static readonly string[] Settings = ["API_", "CORS_", "DB_", "DOTNET_RUNNING_IN_", "JWT_", "KAFKA_", "LISTEN_", "LOG_", "MANAGEMENT_", "OTEL_", "PRODUCTCACHE_", "REDIS_", "TRUSTED_", "WORKER_"];

    private readonly ConcurrentQueue<string> lines = new();

    private ServiceUnderTest(Process process)
    {
        Process = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public Process Process { get; }

    private int StopSignal { get; init; } = ChildProcess.SIGTERM;

    public string Output => string.Join(Environment.NewLine, lines);

    public long ResidentBytes
    {
        get
        {
            var line = File.ReadLines($"/proc/{Process.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            var kilobytes = line.Split(':')[1].Replace("kB", string.Empty, StringComparison.Ordinal);
            return long.Parse(kilobytes, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture) * 1024;
        }
    }

    /// <param name="name">Api, Worker or Standalone.</param>
    public static ServiceUnderTest Launch(
        string name, IEnumerable<KeyValuePair<string, string>> environment, int stopSignal = ChildProcess.SIGTERM)
    {
        var assembly = Path.Combine(AppContext.BaseDirectory, $"ProductCache.{name}.dll");
        var start = new ProcessStartInfo("dotnet", assembly) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var key in start.Environment.Keys.Where(key => Settings.Any(beginning => key.StartsWith(beginning, StringComparison.Ordinal))).ToList())
        {
            start.Environment.Remove(key);
        }

        foreach (var (key, value) in environment)
        {
            start.Environment[key] = value;
        }

        return new ServiceUnderTest(Process.Start(start)!) { StopSignal = stopSignal };
    }

    /// <summary>An Api without any server, for all that comes before them.</summary>
    public static async Task<ServiceUnderTest> StartApiAloneAsync(int port, params IEnumerable<(string Key, string Value)> extraSettings)
    {
        var api = LaunchApiAlone(port, extraSettings);
        await Eventually.TrueAsync(
            () =>
            {
                Assert.That(api.Process.HasExited, Is.False, api.Output);
                return api.Output.Contains("Application started.", StringComparison.Ordinal);
            },
            "the Api");
        return api;
    }

    /// <inheritdoc cref="StartApiAloneAsync"/>
    public static ServiceUnderTest LaunchApiAlone(int port, params IEnumerable<(string Key, string Value)> extraSettings)
    {
        var settings = SettingsOfApiAlone(port);
        foreach (var (key, value) in extraSettings)
        {
            settings[key] = value;
        }

        // Told to stop, it would give its servers some more seconds.
        return Launch("Api", settings, ChildProcess.SIGKILL);
    }

    public static Dictionary<string, string> SettingsOfApiAlone(int port)
    {
        var nobody = TestServer.FreePort().ToString(CultureInfo.InvariantCulture);
        return new()
        {
            ["API_PORT"] = port.ToString(CultureInfo.InvariantCulture),
            ["DB_HOST"] = "127.0.0.1",
            ["DB_PORT"] = nobody,
            ["DB_NAME"] = "products",
            ["DB_USER"] = "nobody",
            ["DB_PASSWORD"] = "not used",
            ["REDIS_HOST"] = "127.0.0.1",
            ["REDIS_PORT"] = nobody,
            ["KAFKA_BOOTSTRAP"] = $"127.0.0.1:{nobody}",
            ["KAFKA_CREATE_TOPICS"] = "false",
        };
    }

    /// <param name="path">The health that is waited for; /health/live needs no server.</param>
    public async Task ReadyAsync(int port, string path = "/health/ready")
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        await Eventually.TrueAsync(
            async () =>
            {
                Assert.That(Process.HasExited, Is.False, Output);
                try
                {
                    using var answer = await client.GetAsync(new Uri($"http://127.0.0.1:{port}{path}"));
                    return answer.IsSuccessStatusCode;
                }
                catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
                {
                    return false;
                }
            },
            $"the service on port {port}");
    }

    public async Task<int> ExitAsync()
    {
        await Process.WaitForExitAsync().WaitAsync(StopTimeout);
        return Process.ExitCode;
    }

    public void Signal(int signal) => Process.Start("kill", [$"-{signal}", $"{Process.Id}"]).WaitForExit();

    public async Task KillAsync()
    {
        Process.Kill();
        await ExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!Process.HasExited)
        {
            Signal(StopSignal);
            try
            {
                await ExitAsync();
            }
            catch (TimeoutException)
            {
                Process.Kill(entireProcessTree: true);
                Assert.Fail($"The process did not stop within {StopTimeout.TotalSeconds} s.{Environment.NewLine}{Output}");
            }
        }

        Process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            lines.Enqueue(line);
        }
    }
}
