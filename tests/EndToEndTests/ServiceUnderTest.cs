using System.Collections.Concurrent;
using System.Diagnostics;
using ProductCache.Standalone;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>A process of the service, as a user would start it.</summary>
internal sealed class ServiceUnderTest : IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(30);

    // Beginnings of the settings that must not come from whoever runs the tests.
    private static readonly string[] Settings = ["API_", "DB_", "JWT_", "KAFKA_", "REDIS_"];

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

    public string Output => string.Join(Environment.NewLine, lines);

    /// <param name="name">Api, Worker or Standalone.</param>
    public static ServiceUnderTest Launch(string name, IEnumerable<KeyValuePair<string, string>> environment)
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

        return new ServiceUnderTest(Process.Start(start)!);
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
            Signal(ChildProcess.SIGTERM);
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
