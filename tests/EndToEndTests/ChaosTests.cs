using System.Diagnostics;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>A short run of ./run chaos. That its checks would tell is shown by their own tests, and by its planted faults.</summary>
[Category(TestCategories.OwnServers)]
[Category(TestCategories.Outages)]
[Parallelizable(ParallelScope.Self)]
public sealed class ChaosTests
{
    private const int Seconds = 20;
    private const int Seed = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(6);

    [Test]
    public async Task RandomFaultsBreakNoPromise()
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ProductCache.Chaos.dll"), $"{Seconds}", $"{Seed}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var run = Process.Start(start)!;
        var output = run.StandardOutput.ReadToEndAsync();
        var errors = run.StandardError.ReadToEndAsync();
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
        Assert.That(run.ExitCode, Is.Zero, await errors);
    }
}
