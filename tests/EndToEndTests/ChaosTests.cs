using System.Diagnostics;
using System.Text;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>Short runs of ./run chaos. That its checks would tell is shown by their own tests, and by its planted faults.</summary>
[Category(TestCategories.OwnServers)]
[Category(TestCategories.Outages)]
[Parallelizable(ParallelScope.Self)]
public sealed class ChaosTests
{
    private const int Violated = 1;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(6);

    [Test]
    public async Task RandomFaultsBreakNoPromise()
    {
        var run = new Run("20", "4");

        Assert.That(await run.EndAsync(), Is.Zero, run.Errors);
    }

    // Most of a run is waiting, so the second one begins when the servers of the first one have their ports.
    [Test]
    public async Task RandomFaultsBreakNoPromiseOfAMappingAndAMissingWatchIsFound()
    {
        var right = new Run("12", "9", "--mapped");
        await right.BegunAsync();
        var wrong = new Run("5", "9", "--mapped", "--fault=unwatched-stock");
        var codes = await Task.WhenAll(right.EndAsync(), wrong.EndAsync());

        Assert.That(codes, Is.EqualTo(new[] { 0, Violated }), right.Errors + wrong.Errors);
        Assert.That(wrong.Output, Does.Match("changed Stock of product").And.Match("a value that no transaction committed +[1-9]"));
    }

    /// <summary>A process, and a folder for the logs that a run with violations keeps.</summary>
    private sealed class Run
    {
        private const string Beginning = "Times are in seconds since";

        private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("chaos-test-");
        private readonly TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly StringBuilder output = new();
        private readonly Process process;
        private readonly Task reading;
        private readonly Task<string> errors;
        private readonly bool isPlanted;

        public Run(params string[] arguments)
        {
            isPlanted = arguments.Any(argument => argument.StartsWith("--fault=", StringComparison.Ordinal));

            // PostgreSQL may run as another user, who must be able to pass through.
            File.SetUnixFileMode(folder.FullName, (UnixFileMode)0b111_101_101);
            process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ProductCache.Chaos.dll"), .. arguments])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["TMPDIR"] = folder.FullName },
            })!;
            reading = ReadAsync();
            errors = process.StandardError.ReadToEndAsync();
        }

        public string Output => output.ToString();

        public string Errors => errors.Result;

        /// <summary>Its servers run, or it has ended.</summary>
        public Task BegunAsync() => begun.Task.WaitAsync(Patience);

        /// <returns>The exit code.</returns>
        public async Task<int> EndAsync()
        {
            try
            {
                await process.WaitForExitAsync().WaitAsync(Patience);
            }
            finally
            {
                if (!process.HasExited)
                {
                    process.Kill(entireProcessTree: true);
                }
            }

            await Task.WhenAll(reading, errors);
            await TestContext.Out.WriteLineAsync(Output);
            if (process.ExitCode != Violated || isPlanted)
            {
                folder.Delete(recursive: true);
            }

            return process.ExitCode;
        }

        private async Task ReadAsync()
        {
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                output.AppendLine(line);
                if (line.StartsWith(Beginning, StringComparison.Ordinal))
                {
                    begun.TrySetResult();
                }
            }

            begun.TrySetResult();
        }
    }
}
