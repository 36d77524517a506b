using System.Diagnostics;
using System.Globalization;
using ProductCache.Standalone;

namespace ProductCache.TestSupport.Servers;

/// <summary>Debian's Varnish with one of the files of deploy/varnish, in front of a port of this machine.</summary>
public sealed class VarnishServer : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("varnish").FullName;
    private readonly string vcl;
    private Process? process;

    private VarnishServer(string file, int backendPort)
    {
        vcl = Path.Combine(folder, file);
        File.WriteAllText(vcl, File.ReadAllText(Path.Combine(Repository.Root, "deploy", "varnish", file))
            .Replace("\"api\"", "\"127.0.0.1\"", StringComparison.Ordinal)
            .Replace("\"8000\"", $"\"{backendPort.ToString(CultureInfo.InvariantCulture)}\"", StringComparison.Ordinal));
    }

    public int Port { get; } = TestServer.FreePort();

    public Uri Url => new($"http://127.0.0.1:{Port}");

    public static async Task<VarnishServer> StartAsync(string file, int backendPort)
    {
        var server = new VarnishServer(file, backendPort);
        await server.StartAsync();
        return server;
    }

    public async Task StartAsync()
    {
        List<string> output = [];
        process = new Process
        {
            StartInfo = new ProcessStartInfo("varnishd", ["-F", "-a", $"127.0.0.1:{Port}", "-f", vcl, "-n", Path.Combine(folder, "work"), "-s", "malloc,64m", "-j", "none"])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            },
        };
        process.ErrorDataReceived += (_, line) => output.Add(line.Data ?? string.Empty);
        process.OutputDataReceived += (_, line) => output.Add(line.Data ?? string.Empty);
        process.Start();
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        using var http = new HttpClient { BaseAddress = Url };
        await Eventually.TrueAsync(
            async () =>
            {
                Assert.That(process.HasExited, Is.False, () => string.Join('\n', output));
                try
                {
                    using var answer = await http.GetAsync(new Uri("/health/live", UriKind.Relative));
                    return answer.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            () => string.Join('\n', output));
    }

    /// <summary>It loses all that it has stored.</summary>
    public async Task KillAsync()
    {
        // The child that serves ends with its manager.
        process!.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
        await Eventually.TrueAsync(() => Ports.IsFree(Port), "the end of Varnish");
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Directory.Delete(folder, recursive: true);
    }
}
