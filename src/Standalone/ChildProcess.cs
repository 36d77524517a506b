using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ProductCache.Standalone;

/// <summary>
/// A server that lives no longer than this process: this process stops it in order, and the kernel does if this process dies. It has a
/// session of its own, so that a Ctrl-C in the terminal does not reach it before its turn.
/// </summary>
public sealed partial class ChildProcess : IAsyncDisposable
{
    public const int SIGINT = 2;
    public const int SIGKILL = 9;
    public const int SIGTERM = 15;
    public const int SIGCONT = 18;
    public const int SIGSTOP = 19;

    private const int LinesKept = 20;

    // Other processes run by the system's clock.
    private static readonly TimeProvider Time = TimeProvider.System;

    private readonly Process process;
    private readonly int stopSignal;
    private readonly TimeSpan stopTimeout;
    private readonly ConcurrentQueue<string> lastLines = new();

    private ChildProcess(Process process, int stopSignal, TimeSpan stopTimeout)
    {
        this.process = process;
        this.stopSignal = stopSignal;
        this.stopTimeout = stopTimeout;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    /// <summary>The last lines of its output, which may show why it has ended.</summary>
    public string LastLines => string.Join(Environment.NewLine, lastLines);

    /// <param name="user">The user to run as, if this process is root. Null: the same user.</param>
    public static ChildProcess Start(string? user, int stopSignal, TimeSpan stopTimeout, string program, params IEnumerable<string> arguments)
    {
        List<string> command = ["setpriv", "--pdeathsig", stopSignal == SIGINT ? "INT" : "TERM"];
        if (user is not null)
        {
            command.AddRange(["--reuid", user, "--regid", user, "--init-groups"]);
        }

        var start = new ProcessStartInfo("setsid", [.. command, program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        return new ChildProcess(Forker.Start(start), stopSignal, stopTimeout);
    }

    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="StandaloneException">It failed.</exception>
    public static async Task RunAsync(string? user, string program, IEnumerable<string> arguments, TimeSpan timeout)
    {
        await using var child = Start(user, SIGTERM, timeout, program, arguments);
        await child.process.WaitForExitAsync().WaitAsync(timeout, Time);
        if (child.process.ExitCode != 0)
        {
            throw new StandaloneException($"{Path.GetFileName(program)} failed:{Environment.NewLine}{child.LastLines}");
        }
    }

    /// <summary>Completes when it has ended, with its exit code: 128 plus the number of the signal that ended it, if any.</summary>
    public async Task<int> EndedAsync()
    {
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    public void Signal(int signal)
    {
        if (!process.HasExited)
        {
            _ = Kill(process.Id, signal);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Signal(stopSignal);
        try
        {
            await process.WaitForExitAsync().WaitAsync(stopTimeout, Time);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);

    private void Keep(string? line)
    {
        if (line is null)
        {
            return;
        }

        lastLines.Enqueue(line);
        while (lastLines.Count > LinesKept)
        {
            lastLines.TryDequeue(out _);
        }
    }

    /// <summary>The kernel sends the signal when the thread that forked ends, so a thread that never ends forks.</summary>
    private static class Forker
    {
        private static readonly BlockingCollection<(ProcessStartInfo Start, TaskCompletionSource<Process> Started)> Orders = [];

        static Forker() => new Thread(Run) { IsBackground = true, Name = "forker" }.Start();

        public static Process Start(ProcessStartInfo start)
        {
            var started = new TaskCompletionSource<Process>();
            Orders.Add((start, started));
            return started.Task.GetAwaiter().GetResult();
        }

        private static void Run()
        {
            foreach (var (start, started) in Orders.GetConsumingEnumerable())
            {
                try
                {
                    started.SetResult(Process.Start(start)!);
                }
                catch (Exception exception)
                {
                    started.SetException(exception);
                }
            }
        }
    }
}

/// <summary>Standalone cannot start or continue. The message is a sentence for the user.</summary>
public sealed class StandaloneException(string message) : Exception(message);
