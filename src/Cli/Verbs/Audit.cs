using System.CommandLine;
using System.Globalization;
using ProductCache.Application;
using Spectre.Console;

namespace ProductCache.Cli.Verbs;

/// <summary>audit [--repair]: compares all cached products with their rows.</summary>
internal static class Audit
{
    /// <summary>Differences that are printed.</summary>
    private const int MaxPrinted = 100;

    public static Command Command()
    {
        var repair = new Option<bool>("--repair") { Description = "correct what differs" };
        var command = new Command("audit", "Compares every cached product with its row, and looks at a difference again after 2 s. Exit code 1 if one stays.") { repair };
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments, tool => RunAsync(tool, arguments.GetValue(repair), cancellationToken), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(Tool tool, bool repair, CancellationToken cancellationToken)
    {
        var compared = 0L;
        List<Difference> differences = [];
        var repaired = 0;
        async Task CompareAsync(Action<long> progress)
        {
            await foreach (var step in tool.Get<EntrySweep>().RunAsync(repair, cancellationToken))
            {
                compared += step.Compared;
                differences.AddRange(step.Confirmed?.Differences ?? []);
                repaired += step.Confirmed?.Repaired ?? 0;
                progress(compared);
            }
        }

        if (tool.IsJson || Console.IsErrorRedirected)
        {
            await CompareAsync(_ => { });
        }
        else
        {
            await Tool.Errors.Status().StartAsync(
                "Comparing", context => CompareAsync(now => context.Status = string.Create(CultureInfo.InvariantCulture, $"Compared {now} cached products")));
        }

        if (tool.IsJson)
        {
            tool.Json(new { Compared = compared, Differences = differences, Repaired = repaired });
        }
        else
        {
            if (differences.Count > 0)
            {
                tool.Table(["product", "cached version", "stored version", "difference"], differences.Take(MaxPrinted).Select(difference => new[]
                {
                    difference.Id.ToString(), Text(difference.Cached), difference.Stored is { } stored ? Text(stored) : "none", difference.Text,
                }));
            }

            tool.Line($"{Text(compared)} cached products compared, {differences.Count} differ{(repair ? $", {repaired} corrected" : string.Empty)}.");
        }

        return differences.Count > repaired ? ExitCode.Found : ExitCode.Succeeded;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
