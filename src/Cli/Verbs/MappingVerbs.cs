using System.CommandLine;
using System.Globalization;
using ProductCache.Application;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Cli.Verbs;

/// <summary>mapping check [ID…] | install | diff | remove</summary>
internal static class MappingVerbs
{
    public static Command Command() => new("mapping", $"The mapping of {MappingSettings.Setting}: your own tables as products. Needs the settings of PostgreSQL only.")
    {
        Check(), Install(), Difference(), Remove(),
    };

    private static Command Check()
    {
        var ids = new Argument<string[]>("ID") { Description = "products; without one, the first ones of the list", Arity = ArgumentArity.ZeroOrMore };
        var plan = new Option<bool>("--plan") { Description = "print how PostgreSQL reads the products" };
        var sql = new Option<bool>("--sql") { Description = "print the statements of install" };
        var draft = new Option<bool>("--draft-schema") { Description = "print a JSON Schema that fits the products" };
        var command = new Command("check", "Runs the mapping for some products and looks at tables, types, plan and rights. Nothing is changed. Exit code 1 if something is wrong.") { ids, plan, sql, draft };
        command.SetAction((arguments, cancellationToken) => Tool.RunMappingAsync(
            arguments,
            async (tool, mapping) =>
            {
                var report = await mapping.CheckAsync(arguments.GetValue(ids) ?? [], cancellationToken);
                var schema = tool.Get<ProductMapping>().Schema;
                List<Check> checks = [.. report.Checks, .. MappingSchema.Check(schema, report.Products)];
                if (tool.IsJson)
                {
                    tool.Json(new { report.Number, Checks = checks, report.Products, report.Plan, report.Script });
                }
                else if (arguments.GetValue(sql))
                {
                    tool.Line(report.Script);
                    await PrintFaultsAsync(checks);
                }
                else if (arguments.GetValue(draft))
                {
                    tool.Line(MappingSchema.Draft(report.Products));
                    await PrintFaultsAsync(checks);
                }
                else
                {
                    Print(tool, report, checks, arguments.GetValue(plan));
                }

                return checks.Exists(check => check.Result == CheckResult.Fault) ? ExitCode.Found : ExitCode.Succeeded;
            },
            cancellationToken));
        return command;
    }

    private static Command Install()
    {
        var command = new Command("install", "Creates the triggers on the tables, and the tables of ProductCache in a schema of their own, in one transaction. Repeatable.");
        command.SetAction((arguments, cancellationToken) => Tool.RunMappingAsync(
            arguments,
            async (tool, mapping) =>
            {
                var steps = await mapping.DifferenceAsync(cancellationToken);
                if (steps.Count > 0)
                {
                    await mapping.InstallAsync(cancellationToken);
                }

                Report(tool, steps, "The mapping is installed.");
                return ExitCode.Succeeded;
            },
            cancellationToken));
        return command;
    }

    private static Command Difference()
    {
        var command = new Command("diff", "Shows what install would do. Exit code 1 if there is something.");
        command.SetAction((arguments, cancellationToken) => Tool.RunMappingAsync(
            arguments,
            async (tool, mapping) =>
            {
                var steps = await mapping.DifferenceAsync(cancellationToken);
                Report(tool, steps, steps.Count == 0 ? "The mapping is installed as the file has it." : $"install would take {steps.Count} steps.");
                return steps.Count == 0 ? ExitCode.Succeeded : ExitCode.Found;
            },
            cancellationToken));
        return command;
    }

    private static Command Remove()
    {
        var command = new Command("remove", "Removes everything that install has created, in one transaction. Stop the Workers first.") { CommandLine.Yes };
        command.SetAction((arguments, cancellationToken) => Tool.RunMappingAsync(
            arguments,
            async (tool, mapping) =>
            {
                Tool.Confirm(arguments, "Remove all triggers and tables of ProductCache? Changes are not seen any more.");
                await mapping.RemoveAsync(cancellationToken);
                Report(tool, [], "Everything of ProductCache was removed from the database.");
                return ExitCode.Succeeded;
            },
            cancellationToken));
        return command;
    }

    // The output is for a file.
    private static Task PrintFaultsAsync(List<Check> checks) =>
        Console.Error.WriteAsync(string.Concat(checks.Where(check => check.Result == CheckResult.Fault).Select(check => $"{check.Text}\n")));

    private static void Print(Tool tool, MappingReport report, List<Check> checks, bool withPlan)
    {
        foreach (var product in report.Products)
        {
            tool.Line($"{product.Id}: {product.Fault ?? product.Body ?? "absent"}");
            if (product.ValidFor is { } left)
            {
                tool.Line(string.Create(CultureInfo.InvariantCulture, $"    changes in {left.TotalSeconds:0} s without a change of a row"));
            }

            if (product.Tags.Count > 0)
            {
                tool.Line($"    tags: {string.Join(", ", product.Tags)}");
            }
        }

        checks.ForEach(check => Doctor.Print(tool, check));
        if (withPlan && report.Plan is { } plan)
        {
            tool.Line(plan);
        }
    }

    private static void Report(Tool tool, IReadOnlyList<string> steps, string text)
    {
        if (tool.IsJson)
        {
            tool.Json(new { Steps = steps });
            return;
        }

        foreach (var step in steps)
        {
            tool.Line($"- {step}");
        }

        tool.Line(text);
    }
}
