using System.ComponentModel;
using System.Globalization;

namespace ProductCache.Standalone;

/// <summary>
/// The Aspire dashboard, a page with the traces, metrics and log lines of this process, beside the servers. Nothing depends on it: where it cannot
/// start or has ended, the services go on without it.
/// </summary>
public sealed class Dashboard : IAsyncDisposable
{
    /// <summary>The path of its program. <c>./run --dashboard</c> sets it.</summary>
    public const string Setting = "PRODUCTCACHE_DASHBOARD";

    private const int FirstPort = 18888;

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(2);

    private readonly string program;
    private readonly string collector;
    private ChildProcess? server;

    private Dashboard(string program, int page, int collector)
    {
        this.program = program;
        Page = string.Create(CultureInfo.InvariantCulture, $"http://localhost:{page}");
        this.collector = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{collector}");
    }

    public string Page { get; }

    /// <summary>What makes a service export to it, whatever the environment says of other collectors.</summary>
    public IEnumerable<KeyValuePair<string, string>> Settings =>
    [
        new("OTEL_EXPORTER_OTLP_ENDPOINT", collector),
        new("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        new("OTEL_EXPORTER_OTLP_HEADERS", string.Empty),
        .. from signal in (string[])["TRACES", "METRICS", "LOGS"]
           from part in (string[])["ENDPOINT", "PROTOCOL", "HEADERS"]
           select KeyValuePair.Create($"OTEL_EXPORTER_OTLP_{signal}_{part}", string.Empty),

        // A person looks at it: the default of a minute is long.
        new("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
    ];

    /// <summary>Null: it was not asked for.</summary>
    public static Dashboard? Choose(Ports ports) =>
        Environment.GetEnvironmentVariable(Setting) is { Length: > 0 } program ? new Dashboard(program, ports.Take(FirstPort), ports.Take(FirstPort + 1)) : null;

    /// <summary>Returns when its page answers.</summary>
    /// <returns>Null, or a sentence that says why it does not.</returns>
    public async Task<string?> StartAsync()
    {
        if (!File.Exists(program))
        {
            return $"The dashboard does not run: {Setting} names {program}, which is not there.";
        }

        try
        {
            // Its variables are arguments of env: it takes no address as an argument of its own.
            server = ChildProcess.Start(
                null,
                ChildProcess.SIGTERM,
                StopTimeout,
                "env",
                $"ASPNETCORE_URLS={Page.Replace("localhost", "127.0.0.1", StringComparison.Ordinal)}",
                $"DOTNET_DASHBOARD_OTLP_ENDPOINT_URL={collector}",
                "DOTNET_DASHBOARD_UNSECURED_ALLOW_ANONYMOUS=true",
                program);
            using var client = new HttpClient { Timeout = AnswerTimeout };
            await Retry.UntilAsync(
                async () =>
                {
                    if (server.HasExited)
                    {
                        throw new StandaloneException(server.LastLines);
                    }

                    using var answer = await client.GetAsync(new Uri(Page));
                    answer.EnsureSuccessStatusCode();
                },
                exception => exception is HttpRequestException or OperationCanceledException,
                StartTimeout,
                "The dashboard");
            return null;
        }
        catch (Exception exception) when (exception is StandaloneException or Win32Exception)
        {
            return $"The dashboard does not run: {exception.Message}";
        }
    }

    public ValueTask DisposeAsync() => server?.DisposeAsync() ?? ValueTask.CompletedTask;
}
