using System.Diagnostics;

namespace ProductCache.EndToEndTests;

/// <summary>Short runs of ./run chaos: one of the service as it is, and one that shows that the run would tell.</summary>
public sealed class ChaosTests
{
    private const int Violated = 1;
    private const int Seconds = 20;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(6);

    [Test]
    public async Task RandomFaultsBreakNoPromise() => Assert.That(await RunAsync(seed: 4), Is.Zero);

    [Test]
    public async Task ABrokenPromiseIsNoticed() => Assert.That(await RunAsync(seed: 4, "--fault=changed-only-where-cached"), Is.EqualTo(Violated));

    private static async Task<int> RunAsync(int seed, params string[] options)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ProductCache.Chaos.dll"), $"{Seconds}", $"{seed}", .. options])
        {
            RedirectStandardOutput = true,
        };
        using var run = Process.Start(start)!;
        var output = run.StandardOutput.ReadToEndAsync();
        try
        {
            await run.WaitForExitAsync().WaitAsync(Patience);
        }
        finally
        {
            if (!run.HasExited)
            {
                run.Kill(entireProcessTree: true);
            }
        }

        await TestContext.Out.WriteLineAsync(await output);
        return run.ExitCode;
    }
}
