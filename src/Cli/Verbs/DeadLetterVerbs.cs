using System.CommandLine;
using System.Globalization;
using ProductCache.Application;

namespace ProductCache.Cli.Verbs;

/// <summary>dead-letters list | show ID | replay [ID…]</summary>
internal static class DeadLetterVerbs
{
    private const int DefaultLimit = 100;
    private const int MaxLimit = 100_000;

    public static Command Command() => new("dead-letters", "Records that could not be processed, with the reason.") { List(), Show(), Replay() };

    private static Command List()
    {
        var limit = new Option<int>("--limit") { Description = $"letters at most, 1 to {MaxLimit}", DefaultValueFactory = _ => DefaultLimit };
        var command = new Command("list", "Lists the oldest letters.") { limit };
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments,
            async tool =>
            {
                var letters = await tool.Get<IDeadLetters>().ListAsync(LimitOf(arguments.GetValue(limit)), cancellationToken);
                if (tool.IsJson)
                {
                    tool.Json(letters);
                }
                else if (letters.Count == 0)
                {
                    tool.Line("There are no dead letters.");
                }
                else
                {
                    tool.Table(["id", "at", "key", "stage", "reason"], letters.Select(letter => new[]
                    {
                        letter.Id, letter.At.ToString("u", CultureInfo.InvariantCulture), letter.Key ?? string.Empty, letter.Stage, letter.Reason,
                    }));
                }

                return ExitCode.Succeeded;
            },
            cancellationToken));
        return command;
    }

    private static Command Show()
    {
        var id = new Argument<string>("ID") { Description = "the letter, as list prints it" };
        var command = new Command("show", "Shows one letter with its record.") { id };
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments,
            async tool =>
            {
                var name = arguments.GetRequiredValue(id);
                var letter = (await tool.Get<IDeadLetters>().ListAsync(MaxLimit, cancellationToken)).FirstOrDefault(one => one.Id == name)
                    ?? throw new UsageException($"There is no dead letter {name}.");
                if (tool.IsJson)
                {
                    tool.Json(letter);
                }
                else
                {
                    tool.Table(["part", "text"],
                    [
                        ["id", letter.Id], ["at", letter.At.ToString("O", CultureInfo.InvariantCulture)], ["record", letter.Origin], ["key", letter.Key ?? string.Empty],
                        ["stage", letter.Stage], ["reason", letter.Reason], ["value", letter.Value ?? string.Empty],
                    ]);
                }

                return ExitCode.Succeeded;
            },
            cancellationToken));
        return command;
    }

    private static Command Replay()
    {
        var ids = new Argument<string[]>("ID") { Description = "the letters; without one, all that were not replayed yet", Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("replay", "Produces letters to the topics that they came from again. What still cannot be processed comes back.") { ids, CommandLine.Yes };
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments,
            async tool =>
            {
                string[] named = arguments.GetValue(ids) ?? [];
                Tool.Confirm(arguments, named.Length > 0 ? $"Replay {named.Length} dead letters?" : "Replay all dead letters?");
                var (replayed, incomplete) = await tool.Get<IDeadLetters>().ReplayAsync(named.Length > 0 ? named : null, cancellationToken);
                if (tool.IsJson)
                {
                    tool.Json(new { Replayed = replayed, Incomplete = incomplete });
                }
                else
                {
                    tool.Line($"{replayed} letters were replayed{(incomplete > 0 ? $"; {incomplete} cannot be, because a part of them is missing" : string.Empty)}.");
                }

                return incomplete > 0 || replayed < named.Length ? ExitCode.Found : ExitCode.Succeeded;
            },
            cancellationToken));
        return command;
    }

    private static int LimitOf(int limit) => limit is >= 1 and <= MaxLimit ? limit : throw new UsageException($"--limit must be 1 to {MaxLimit}, not {limit}.");
}
