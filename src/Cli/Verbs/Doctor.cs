using System.CommandLine;
using ProductCache.Application;

namespace ProductCache.Cli.Verbs;

/// <summary>doctor: checks everything, and says how to mend what is wrong.</summary>
internal static class Doctor
{
    public static Command Command()
    {
        var command = new Command("doctor", "Checks servers, rights, schema, triggers, outbox, processes, clocks, versions, topics and lag. Exit code 1 if there is a fault.");
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments,
            async tool =>
            {
                List<Check> checks = [];
                await foreach (var check in tool.Get<IDiagnosis>().RunAsync(cancellationToken))
                {
                    checks.Add(check);
                    if (!tool.IsJson)
                    {
                        Print(tool, check);
                    }
                }

                if (tool.IsJson)
                {
                    tool.Json(checks);
                }

                return checks.Exists(check => check.Result == CheckResult.Fault) ? ExitCode.Found : ExitCode.Succeeded;
            },
            cancellationToken));
        return command;
    }

    public static void Print(Tool tool, Check check)
    {
        var mark = check.Result switch { CheckResult.Fine => "ok     ", CheckResult.Warning => "warning", CheckResult.Fault => "FAULT  ", _ => "skipped" };
        tool.Line($"{mark}  {check.Subject}: {check.Text}");
        if (check.Remedy is { } remedy)
        {
            tool.Line($"         -> {remedy}");
        }
    }
}
