using System.Diagnostics;

namespace ProductCache.TestSupport;

/// <summary>What a program has printed, and how it ended.</summary>
public sealed record CommandResult(int ExitCode, string Output, string Errors);

/// <summary>Runs a program to its end.</summary>
public static class Command
{
    /// <param name="command">The program and its arguments.</param>
    /// <param name="folder">Null: that of this process.</param>
    /// <param name="configure">Changes the environment.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">It is not installed.</exception>
    /// <exception cref="TimeoutException">It did not end in time; it was killed.</exception>
    public static async Task<CommandResult> RunAsync(
        string[] command, TimeSpan timeout, string? folder = null, Action<IDictionary<string, string?>>? configure = null)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = folder ?? string.Empty,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        configure?.Invoke(start.Environment);
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            await process.WaitForExitAsync().WaitAsync(timeout);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return new CommandResult(process.ExitCode, await output, await errors);
    }
}
