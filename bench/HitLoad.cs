using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace ProductCache.Bench;

/// <summary>Reads of cached products by wrk, at full load.</summary>
internal static partial class HitLoad
{
    public const int Seconds = 2;
    public const int Connections = 64;

    /// <summary>Measures the servers of these ports in turns. The first rounds warm up and do not count.</summary>
    /// <returns>The loads of each port.</returns>
    public static Task<IReadOnlyList<List<Load>>> InTurnsAsync(IReadOnlyList<int> ports, long first, int products, int warmUps, int rounds) =>
        InTurnsAsync([.. ports.Select(port => (port, string.Empty))], first, products, warmUps, rounds);

    /// <param name="targets">Ports, and the Accept-Encoding of the requests to them; empty: none.</param>
    /// <inheritdoc cref="InTurnsAsync(IReadOnlyList{int}, long, int, int, int)"/>
    public static async Task<IReadOnlyList<List<Load>>> InTurnsAsync(
        IReadOnlyList<(int Port, string AcceptEncoding)> targets, long first, int products, int warmUps, int rounds)
    {
        var results = targets.Select(_ => new List<Load>()).ToArray();
        var scripts = targets.Select(_ => Path.GetTempFileName()).ToArray();
        try
        {
            for (var i = 0; i < targets.Count; i++)
            {
                await File.WriteAllTextAsync(scripts[i], Script(first, products, targets[i].AcceptEncoding));
            }

            for (var round = -warmUps; round < rounds; round++)
            {
                for (var i = 0; i < targets.Count; i++)
                {
                    var load = await MeasureAsync(targets[i].Port, scripts[i]);
                    if (round >= 0)
                    {
                        results[i].Add(load);
                    }
                }
            }
        }
        finally
        {
            Array.ForEach(scripts, File.Delete);
        }

        return results;
    }

    public static async Task<string> GetAsync(HttpClient client, int port, long id, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}/productapp/{id}/")
        {
            Headers = { { "Prefer", "wait=10" } },
        };
        using var answer = await client.SendAsync(request, cancellationToken);
        return answer.StatusCode == System.Net.HttpStatusCode.OK
            ? await answer.Content.ReadAsStringAsync(cancellationToken)
            : throw new InvalidOperationException($"Port {port} answered {(int)answer.StatusCode} for product {id}.");
    }

    /// <summary>The requests are built once: wrk shares the processors with what it measures.</summary>
    private static string Script(long first, int products, string acceptEncoding) =>
        $$"""
        local requests, turn = {}, 0
        function init()
          for offset = 0, {{products - 1}} do
            requests[#requests + 1] = wrk.format("GET", string.format("/productapp/%d/", {{first}} + offset), {{(acceptEncoding.Length == 0 ? "{}" : $"{{ [\"Accept-Encoding\"] = \"{acceptEncoding}\" }}")}})
          end
        end
        function request()
          turn = turn % #requests + 1
          return requests[turn]
        end
        """;

    private static async Task<Load> MeasureAsync(int port, string script)
    {
        var start = new ProcessStartInfo("wrk", ["-t1", $"-c{Connections}", $"-d{Seconds}s", "--latency", "-s", script, $"http://127.0.0.1:{port}/"])
        {
            RedirectStandardOutput = true,
        };
        using var wrk = Process.Start(start)!;
        var output = await wrk.StandardOutput.ReadToEndAsync();
        await wrk.WaitForExitAsync();
        if (output.Contains("Non-2xx", StringComparison.Ordinal) || output.Contains("Socket errors", StringComparison.Ordinal))
        {
            throw new InvalidOperationException(output);
        }

        var rate = double.Parse(Rate().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
        var latencies = Latency().Matches(output).ToDictionary(match => match.Groups[1].Value, Milliseconds);
        return new Load(rate, latencies["50"], latencies["99"], Megabytes(Transfer().Match(output)));
    }

    private static double Milliseconds(Match match)
    {
        var unit = match.Groups[3].Value switch
        {
            "us" => 0.001,
            "ms" => 1,
            _ => 1_000,
        };
        return double.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture) * unit;
    }

    private static double Megabytes(Match match) => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * match.Groups[2].Value switch
    {
        "KB" => 1.0 / 1024,
        "GB" => 1024,
        _ => 1,
    };

    [GeneratedRegex(@"Transfer/sec:\s+([\d.]+)([KMG]B)")]
    private static partial Regex Transfer();

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex Rate();

    [GeneratedRegex(@"^\s+(\d+)%\s+([\d.]+)(us|ms|s)\s*$", RegexOptions.Multiline)]
    private static partial Regex Latency();
}

/// <param name="Rate">Requests per second.</param>
/// <param name="P50">In milliseconds.</param>
/// <param name="P99">In milliseconds.</param>
/// <param name="Megabytes">MiB per second.</param>
internal sealed record Load(double Rate, double P50, double P99, double Megabytes);
