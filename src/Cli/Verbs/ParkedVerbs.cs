using System.CommandLine;
using System.Globalization;
using ProductCache.Application;

namespace ProductCache.Cli.Verbs;

/// <summary>parked list | retry [ID…]</summary>
internal static class ParkedVerbs
{
    private const int Limit = 1_000;

    public static Command Command() => new("parked", "Changes that could not be published to Kafka, with the reason.") { List(), Retry() };

    private static Command List()
    {
        var command = new Command("list", $"Lists the oldest {Limit} changes.");
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments,
            async tool =>
            {
                var changes = await tool.Get<IParkedChanges>().ListAsync(Limit, cancellationToken);
                if (tool.IsJson)
                {
                    tool.Json(changes);
                }
                else if (changes.Count == 0)
                {
                    tool.Line("No change is parked.");
                }
                else
                {
                    tool.Table(["id", "product", "version", "kind", "parked at", "reason"], changes.Select(change => new[]
                    {
                        Text(change.Id), change.ProductId, Text(change.Version), change.Deleted ? "deleted" : "upserted",
                        change.ParkedAt.ToString("u", CultureInfo.InvariantCulture), change.Reason,
                    }));
                }

                return ExitCode.Succeeded;
            },
            cancellationToken));
        return command;
    }

    private static Command Retry()
    {
        var ids = new Argument<long[]>("ID") { Description = "the changes, by the id that list prints; without one, all", Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("retry", "Puts changes into the outbox again. One that still cannot be published is parked again. Needs the rights of the owner of the tables.") { ids, CommandLine.Yes };
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments,
            async tool =>
            {
                long[] named = arguments.GetValue(ids) ?? [];
                Tool.Confirm(arguments, named.Length > 0 ? $"Publish {named.Length} parked changes again?" : "Publish all parked changes again?");
                var retried = await tool.Get<IParkedChanges>().RetryAsync(named.Length > 0 ? named : null, cancellationToken);
                if (tool.IsJson)
                {
                    tool.Json(new { Retried = retried });
                }
                else
                {
                    tool.Line($"{retried} changes are in the outbox again.");
                }

                return retried < named.Length ? ExitCode.Found : ExitCode.Succeeded;
            },
            cancellationToken));
        return command;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
